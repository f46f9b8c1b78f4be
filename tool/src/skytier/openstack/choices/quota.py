"""Whether a plan fits into what the project may have, in the words of operators."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from skytier.errors import SkytierError

MORE_ROOM = (
    "Delete what is not needed, ask the cloud's operator for more, or make the plan smaller: "
    "web.count, flavor."
)
LOW_SHARE = 0.2
"""What remains is called low below this share of the limit."""


@dataclass(frozen=True)
class Amounts:
    """How much of each thing that quotas count: what a plan needs, or what is there already."""

    instances: int = 0
    cores: int = 0
    ram_mib: int = 0
    ports: int = 0
    floating_ips: int = 0
    security_groups: int = 0
    security_group_rules: int = 0
    networks: int = 0
    subnets: int = 0
    routers: int = 0
    server_groups: int = 0
    server_group_members: int = 0
    """Of the largest group."""
    volumes: int = 0
    gigabytes: int = 0
    """Of volumes, in GiB: OpenStack's word for it."""
    load_balancers: int = 0

    def __sub__(self, other: "Amounts") -> "Amounts":
        """What of this is not there yet; never below nothing."""
        return Amounts(
            **{f.name: max(0, getattr(self, f.name) - getattr(other, f.name)) for f in fields(self)}
        )


@dataclass(frozen=True)
class Limit:
    """How much there may be of one thing, and how much of it is taken."""

    limit: int | None
    """None is endless."""
    used: int

    @classmethod
    def of(cls, limit: int, used: int) -> "Limit":
        """From OpenStack's numbers, where any negative limit is endless."""
        return cls(limit if limit >= 0 else None, used)

    @classmethod
    def told(cls, limit: object, used: object, reserved: object = None) -> "Limit | None":
        """From what a cloud tells; None where it tells no numbers.

        What is endless needs no use to be known.

        >>> Limit.told("10", 3, 1), Limit.told(10, None), Limit.told(-1, None)
        (Limit(limit=10, used=4), None, Limit(limit=None, used=0))
        """
        known, taken = _number(limit), _number(used)
        if known is None or (taken is None and known >= 0):
            return None
        return cls.of(known, (taken or 0) + (_number(reserved) or 0))


def _number(told: object) -> int | None:
    if isinstance(told, bool):
        return None
    try:
        return int(str(told))
    except ValueError:
        return None


class Verdict(StrEnum):
    """What a row says."""

    FITS = "fits"
    LOW = "low"
    """It fits, but less than a fifth of the limit would remain."""
    SHORT = "short"
    UNKNOWN = "unknown"
    """The cloud did not tell."""


@dataclass(frozen=True)
class Row:
    """One thing that quotas count, with what would become of it."""

    name: str
    """A field of `Amounts`."""
    needed: int
    limit: int | None = None
    """None is endless, or unknown: the verdict tells which."""
    used: int | None = None
    remaining: int | None = None
    """Before the plan; never below 0, though a limit may have been lowered below what is used."""
    short_by: int = 0
    verdict: Verdict = Verdict.UNKNOWN


def check(needs: Amounts, limits: Mapping[str, Limit]) -> list[Row]:
    """A row for each thing that the plan needs, in the order of `Amounts`.

    `limits` is by field of `Amounts`; what it has not is unknown.

    >>> [row] = check(Amounts(cores=4), {"cores": Limit(limit=20, used=17)})
    >>> row.remaining, row.short_by, row.verdict.value
    (3, 1, 'short')
    """
    amounts = {field.name: getattr(needs, field.name) for field in fields(needs)}
    return [_row(name, needed, limits.get(name)) for name, needed in amounts.items() if needed]


def _row(name: str, needed: int, limit: Limit | None) -> Row:
    if limit is None:
        return Row(name, needed)
    if limit.limit is None:
        return Row(name, needed, None, limit.used, None, 0, Verdict.FITS)
    remaining = max(0, limit.limit - limit.used)
    short_by = max(0, needed - remaining)
    if short_by:
        verdict = Verdict.SHORT
    elif remaining - needed < LOW_SHARE * limit.limit:
        verdict = Verdict.LOW
    else:
        verdict = Verdict.FITS
    return Row(name, needed, limit.limit, limit.used, remaining, short_by, verdict)


def sentence(row: Row) -> str:
    """A row in one line.

    >>> [row] = check(Amounts(ports=4), {"ports": Limit(limit=10, used=8)})
    >>> sentence(row)
    'ports: limit 10, used 8, remaining 2, needed 4, short by 2'
    """
    amounts = {"limit": row.limit, "used": row.used, "remaining": row.remaining}
    endless = "unknown" if row.verdict is Verdict.UNKNOWN else "endless"
    said = [f"{name} {endless if amount is None else amount}" for name, amount in amounts.items()]
    short = [f"short by {row.short_by}"] if row.short_by else []
    return f"{words(row.name)}: {', '.join([*said, f'needed {row.needed}', *short])}"


def refuse_short(rows: Iterable[Row]) -> None:
    """Raises SkytierError when a plan does not fit, with what of it does not."""
    if short := [row for row in rows if row.short_by]:
        lines = "\n".join(f"  {sentence(row)}" for row in short)
        raise SkytierError(f"The project has no room for this plan:\n{lines}", MORE_ROOM)


def words(name: str) -> str:
    """A field of `Amounts` as operators say it.

    >>> words("ram_mib"), words("floating_ips")
    ('MiB of RAM', 'floating IPs')
    """
    special = {
        "ram_mib": "MiB of RAM",
        "floating_ips": "floating IPs",
        "gigabytes": "GB of volumes",
    }
    return special.get(name, name.replace("_", " "))

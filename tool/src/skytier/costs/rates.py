"""What things cost at a cloud: the rates file, or examples."""

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from skytier.costs.meters import HOURS_A_MONTH, Meter
from skytier.stackfile import StackFile, values
from skytier.stackfile.read import parse_as, text_of
from skytier.stackfile.section import Section, key

__all__ = [
    "EXAMPLE",
    "HOURS_A_MONTH",
    "Card",
    "FlavorSize",
    "Rates",
    "RatesBy",
    "for_stack",
    "load",
]

Rate = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]
Use = Annotated[Decimal, Field(gt=0, le=10**15, allow_inf_nan=False)]
COUNTED = (
    *("vcpu_hour", "ram_gib_hour", "disk_gb_month", "floating_ip_hour", "load_balancer_hour"),
    *("volume_gb_month", "snapshot_gb_month", "image_gb_month", "object_gb_month", "traffic_gb"),
)
"""The rates that may have tiers and free allowances."""
STATES = (
    *("active", "building", "error", "paused", "rescued", "resized", "shelved"),
    *("shelved_offloaded", "soft-delete", "stopped", "suspended"),
)
"""A server's, as Nova's vm_state calls them."""


def _one_of(words: Sequence[str]) -> AfterValidator:
    def check(word: str) -> str:
        if word not in words:
            near = difflib.get_close_matches(word.lower().replace("-", "_"), words, 1)
            instead = f"Did you mean {near[0]}?" if near else f"There are {', '.join(words)}."
            raise ValueError(f"is not a key. {instead}")
        return word

    return AfterValidator(check)


Counted = Annotated[str, _one_of(COUNTED)]
State = Annotated[str, _one_of(STATES)]

NUMBER = "a number, 0 or more"


class RatesBy(StrEnum):
    """Whose rates a figure comes from."""

    EXAMPLES = "examples"
    FILE = "file"
    CLOUDKITTY = "cloudkitty"
    NOBODY = "unknown"
    """The cloud has prices and does not tell them."""

    @property
    def words(self) -> str:
        """`by the rates file`"""
        return _BY[self]


_BY = {
    RatesBy.EXAMPLES: "by example rates, not those of your cloud",
    RatesBy.FILE: "by the rates file",
    RatesBy.CLOUDKITTY: "by CloudKitty's rates",
    RatesBy.NOBODY: "without rates, since CloudKitty does not tell them",
}


class FlavorSize(Section):
    """The size of a flavor, for use without a cloud."""

    vcpus: int = key(0, "a whole number, 0 or more", ge=0, strict=True)
    """How many virtual processors."""
    ram_mib: int = key(0, "a whole number, 0 or more", ge=0, strict=True)
    """Memory in MiB."""
    disk_gib: int = key(0, "a whole number, 0 or more", ge=0, strict=True)
    """Its own disk in GiB."""


class Card(Section):
    """Rates. What is left out has an unknown price, which is not 0."""

    vcpu_hour: Rate | None = key(None, NUMBER, Decimal("0.05"))
    """One vCPU of a server for an hour."""
    ram_gib_hour: Rate | None = key(None, NUMBER, Decimal("0.02"))
    """One GiB of a server's memory for an hour."""
    disk_gb_month: Rate | None = key(None, NUMBER, Decimal("0.10"))
    """One GB of a server's own disk for a month. OpenStack's GB is 2^30 bytes."""
    volume_gb_month: Rate | None = key(None, NUMBER, Decimal("0.10"))
    """One GB of a volume for a month."""
    snapshot_gb_month: Rate | None = key(None, NUMBER, Decimal("0.10"))
    """One GB of a volume's snapshot for a month."""
    image_gb_month: Rate | None = key(None, NUMBER, Decimal("0.10"))
    """One GB of the project's images and of snapshots of its servers for a month."""
    object_gb_month: Rate | None = key(None, NUMBER, Decimal("0.10"))
    """One GB of object storage for a month."""
    floating_ip_hour: Rate | None = key(None, NUMBER, Decimal("0.01"))
    """A floating IP for an hour, used or not."""
    load_balancer_hour: Rate | None = key(None, NUMBER, Decimal("0.02"))
    """A load balancer of Octavia for an hour."""
    traffic_gb: Rate | None = key(None, NUMBER, Decimal("0.02"))
    """One GB of outgoing traffic. It depends on use, so it is in no estimate."""
    flavor_hour: dict[str, Rate] = key(
        {}, "flavors with a number, 0 or more", {"m1.small": Decimal("0.08")}
    )
    """A whole server of a flavor, with its disk, for an hour. It replaces the rates above."""
    volume_type_gb_month: dict[str, Rate] = key(
        {}, "volume types with a number, 0 or more", {"ssd": Decimal("0.20")}
    )
    """One GB of a volume of a type for a month. It replaces `volume_gb_month`."""
    free: dict[Counted, Use] = key({}, "keys from above with an amount", {"traffic_gb": 100})
    """The amount that is free in each calendar month: hours, GB-months, or GB."""
    tiers: dict[Counted, dict[Use, Rate]] = key(
        {}, "keys from above, each a table of amounts with a rate", {"traffic_gb": {"1024": 0}}
    )
    """The rate for use above an amount in a calendar month. The amount includes what is free."""
    states: dict[State, Rate] = key(
        {}, "states of Nova's servers with a number, 0 or more", {"stopped": Decimal("0.5")}
    )
    """The factor for a server's rates in a state. Default: 1"""
    tax_percent: Rate | None = key(None, NUMBER, Decimal(19))
    """The tax on the sum of a month, in percent. The rates do not include it."""

    def rate(self, meter: Meter) -> Decimal | None:
        """What one unit and period costs at first; None for what has no known price."""
        found: Any = getattr(self, meter.key)
        return found.get(meter.name) if isinstance(found, dict) else found

    def steps(self, meter: Meter) -> list[tuple[Decimal, Decimal | None]]:
        """From which amount in a month on which rate holds, from 0 upwards; None is unknown."""
        rate = self.rate(meter)
        if rate is None or meter.name:
            return [(Decimal(0), rate)]
        rates = {Decimal(0): rate, **self.tiers.get(meter.key, {})}
        free = self.free.get(meter.key, Decimal(0))
        at_free = rates[max(above for above in rates if above <= free)]
        paid = {free: at_free} | {above: rate for above, rate in rates.items() if above > free}
        return [*([(Decimal(0), Decimal(0))] if free else []), *sorted(paid.items())]


class Rates(Card):
    """A rate card, and how it changes from some days on."""

    currency: Annotated[str, AfterValidator(values.currency)] = key("USD", "a code such as EUR")
    """The currency of every rate."""
    flavors: dict[str, FlavorSize] = key({}, "flavors with vcpus, ram_mib and disk_gib")
    """The sizes of flavors, for an estimate without a cloud."""
    valid_from: dict[date, Card] = key({}, "days such as 2026-07-01 with the keys from above")
    """Rates that change at the beginning of a day. What a day does not name stays the same."""

    @property
    def is_example(self) -> bool:
        """Whether these are the made-up rates that stand in where there is no rates file."""
        return self == EXAMPLE

    @property
    def by(self) -> RatesBy:
        """Whose rates these are."""
        return RatesBy.EXAMPLES if self.is_example else RatesBy.FILE

    def versions(self) -> Iterator[tuple[date | None, "Rates"]]:
        """The card at first, and from each day on at which it changes; None is ever since."""
        card = self.model_copy(update={"valid_from": {}})
        yield None, card
        for day, change in sorted(self.valid_from.items()):
            new = {name: getattr(change, name) for name in change.model_fields_set}
            merged = {
                name: {**getattr(card, name), **value} if isinstance(value, dict) else value
                for name, value in new.items()
            }
            card = card.model_copy(update=merged)
            yield day, card

    def on(self, day: date | None = None) -> "Rates":
        """The card as it is on a day; None is today, in UTC."""
        day = day or datetime.now(UTC).date()
        return [card for since, card in self.versions() if since is None or since <= day][-1]


EXAMPLE = Rates(
    vcpu_hour=Decimal("0.05"),
    ram_gib_hour=Decimal("0.02"),
    disk_gb_month=Decimal("0.10"),
    volume_gb_month=Decimal("0.10"),
    snapshot_gb_month=Decimal("0.10"),
    image_gb_month=Decimal("0.10"),
    object_gb_month=Decimal("0.10"),
    floating_ip_hour=Decimal("0.01"),
    load_balancer_hour=Decimal("0.02"),
    traffic_gb=Decimal("0.02"),
    states={"shelved_offloaded": Decimal(0)},
)
"""Examples, not the prices of any cloud: they are for comparing one plan with another."""


def load(path: Path | None) -> Rates:
    """The rates of a file, which stands alone: nothing of the examples is mixed in.

    None gives the examples. Raises SkytierError with a line for each error, as for a stack file.

    >>> load(None).vcpu_hour
    Decimal('0.05')
    """
    if path is None:
        return EXAMPLE
    return parse_as(
        Rates, text_of(path, "All keys of a rates file: docs/reference/rates-file.md"), str(path)
    )


def for_stack(stack: StackFile) -> Rates:
    """Today's rates, of the file that a stack file names. Raises as `load` does."""
    return load(Path(stack.cost.rates) if stack.cost.rates else None).on()

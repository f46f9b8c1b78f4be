"""What things cost at a cloud: the rates file, or examples."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from skytier.stack.read import parse_as, text_of
from skytier.stack.section import Section, key

HOURS_A_MONTH = 730
"""8,760 hours of a year by 12: the month that clouds price by."""

Rate = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]


def _currency(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isupper()):
        raise ValueError("is not a currency's code")
    return value


class Rates(Section):
    """A rate card. What it leaves out has no known price; nothing costs 0 unless it says so."""

    currency: Annotated[str, AfterValidator(_currency)] = key("USD", "a code such as EUR")
    """The currency of every rate."""
    vcpu_hour: Rate | None = key(None, "a number, 0 or more", Decimal("0.05"))
    """One vCPU of a server for an hour."""
    ram_gib_hour: Rate | None = key(None, "a number, 0 or more", Decimal("0.02"))
    """One GiB of a server's memory for an hour."""
    disk_gb_month: Rate | None = key(None, "a number, 0 or more", Decimal("0.10"))
    """One GB of a server's own disk for a month. OpenStack's GB is 2^30 bytes."""
    volume_gb_month: Rate | None = key(None, "a number, 0 or more", Decimal("0.10"))
    """One GB of a volume for a month."""
    floating_ip_hour: Rate | None = key(None, "a number, 0 or more", Decimal("0.01"))
    """A floating IP for an hour, used or not."""
    traffic_gb: Rate | None = key(None, "a number, 0 or more", Decimal("0.02"))
    """One GB that goes out. It depends on use, so no estimate has it."""
    flavor_hour: dict[str, Rate] = key(
        {}, "flavors with a number, 0 or more", {"m1.small": Decimal("0.08")}
    )
    """A whole server of a flavor, disk and all, for an hour. It goes before the rates above."""
    volume_type_gb_month: dict[str, Rate] = key(
        {}, "volume types with a number, 0 or more", {"ssd": Decimal("0.20")}
    )
    """One GB of a volume of a type for a month. It goes before `volume_gb_month`."""

    @property
    def is_example(self) -> bool:
        """Whether these are the made-up rates that stand in where there is no rates file."""
        return self == EXAMPLE


EXAMPLE = Rates(
    vcpu_hour=Decimal("0.05"),
    ram_gib_hour=Decimal("0.02"),
    disk_gb_month=Decimal("0.10"),
    volume_gb_month=Decimal("0.10"),
    floating_ip_hour=Decimal("0.01"),
    traffic_gb=Decimal("0.02"),
)
"""Not any cloud's prices: an example, so that a plan can be compared with another plan."""


def load(path: Path | None) -> Rates:
    """The rates of a file, which stands alone: nothing of the examples is mixed in.

    None gives the examples. Raises SkytierError with a line for each error, as for a stack file.

    >>> load(None).vcpu_hour
    Decimal('0.05')
    """
    return EXAMPLE if path is None else parse_as(Rates, text_of(path), str(path))

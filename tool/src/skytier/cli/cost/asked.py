"""What the commands about costs that were have in common: options, and how they ask the cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, available_timezones

import typer

from skytier.cli import chosen
from skytier.costs.cloudkitty.rated import Compared
from skytier.costs.period import Period, period
from skytier.costs.report import Report
from skytier.errors import SkytierError
from skytier.listing import nearest_first

if TYPE_CHECKING:
    from skytier.openstack.stack import CloudStack

Start = Annotated[
    str,
    typer.Option(
        "--from", metavar="TIME", help="2026-11, 2026-11-24, 2026-11-24T12:30, -24h or -7d."
    ),
]
End = Annotated[
    str,
    typer.Option(
        "--to", metavar="TIME", help="As --from, or now. A month or a day includes all of it."
    ),
]
RatesFile = Annotated[
    Path | None,
    typer.Option(
        "--rates", metavar="PATH", help="The rates file. Default: the stack file's cost.rates"
    ),
]
Zone = Annotated[
    str,
    typer.Option(
        "--zone", metavar="ZONE", help="The time zone of days and times, such as Europe/Berlin."
    ),
]
MonitorUrl = Annotated[
    str | None,
    typer.Option(
        "--prometheus", metavar="URL", help="A Prometheus. Default: the stack's own monitor"
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="The whole project, not only the stack.")]


class Format(StrEnum):
    """How something for people and for scripts is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


NOTHING_BILLED = (
    "Nothing is billed on this machine: name a cloud (--cloud NAME), or see skytier cost estimate."
)


@dataclass(frozen=True)
class Asked:
    """What was found out."""

    report: Report
    beside: Sequence[Compared] = ()
    """By our rates and by CloudKitty, where there is one."""


def cloud_stack(file: Path | None, cloud: str | None) -> "CloudStack":
    """The stack on its cloud. Raises SkytierError for one on this machine."""
    wanted = chosen.stack_file(file, cloud)
    if wanted.cloud is None:
        raise SkytierError(NOTHING_BILLED)
    return chosen.cloud_stack(wanted)


def bill(
    cloud: str | None,
    file: Path | None,
    start: str,
    end: str,
    rates_file: Path | None,
    zone: str,
    prometheus: str | None,
    *,
    everything: bool,
) -> Asked:
    """The bill of a period, by what the options of these commands say. Raises SkytierError."""
    wanted, stack = period(start, end, time_zone(zone)), cloud_stack(file, cloud)
    return bill_of(stack, wanted, rates_file, prometheus, everything=everything)


def bill_of(
    stack: "CloudStack",
    wanted: Period,
    rates_file: Path | None,
    prometheus: str | None,
    *,
    everything: bool,
    measured: bool = False,
) -> Asked:
    """The same for a stack that is at hand.

    What CloudKitty has rated is the bill where it is there and no rates file is named; with
    `measured` it is what we measured ourselves all the same, which is up to date.
    """
    from skytier.openstack.spending.bills import bill

    found = bill(stack, wanted, rates_file, prometheus, everything=everything, measured=measured)
    return Asked(*found)


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises SkytierError with those most like it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        near = nearest_first(name, available_timezones(), most=5)
        raise SkytierError(f"{name!r} is not a time zone.", f"Some that are: {near}.") from None

"""What the commands about costs that were have in common: options, and how they ask the cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, available_timezones

import typer

from skytier.cli import chosen
from skytier.cloud.listing import nearest_first
from skytier.costs import rates
from skytier.costs.cloudkitty import Compared, side_by_side
from skytier.costs.period import Period, period
from skytier.costs.report import Report, report
from skytier.errors import SkytierError

if TYPE_CHECKING:
    from skytier.cloud.stack import CloudStack

Start = Annotated[
    str,
    typer.Option(
        "--from", metavar="TIME", help="2026-11, 2026-11-24, 2026-11-24T12:30, -24h or -7d."
    ),
]
End = Annotated[
    str,
    typer.Option("--to", metavar="TIME", help="The same, or now; a month or a day: all of it."),
]
RatesFile = Annotated[
    Path | None,
    typer.Option(
        "--rates", metavar="PATH", help="The rates file. At first the stack file's cost.rates."
    ),
]
Zone = Annotated[
    str,
    typer.Option("--zone", metavar="ZONE", help="Whose days and months count: Europe/Berlin."),
]
MonitorUrl = Annotated[
    str | None,
    typer.Option(
        "--prometheus", metavar="URL", help="A Prometheus; without it the stack's own monitor."
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="The whole project, not the stack alone.")]


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
    """By our rates and by CloudKitty, where there is one and the whole project was asked for."""


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
    prices = card(stack, rates_file)
    return bill_of(stack, wanted, prices, prometheus, everything=everything)


def card(stack: "CloudStack", rates_file: Path | None) -> rates.Rates:
    """The rates: of the file that was named, else of the stack file's, else examples."""
    named = rates_file or stack.stack.cost.rates
    return rates.load(Path(named) if named else None)


def bill_of(
    stack: "CloudStack",
    wanted: Period,
    prices: rates.Rates,
    prometheus: str | None,
    *,
    everything: bool,
) -> Asked:
    """The same for a stack that is at hand."""
    from skytier.cloud.spending import rating
    from skytier.cloud.usages import project, traffic
    from skytier.cloud.usages.collected import Window

    window = Window(wanted.month_start, wanted.end)
    kept = project.collect(stack.connection, window)
    sent = traffic.collect(stack, prometheus, kept.usages, window)
    usages, notes = [*kept.usages, *sent.usages], [*kept.notes, *sent.notes]
    name = stack.stack.name
    if not everything:
        return Asked(report(prices, usages, wanted, f"stack {name}", notes, stack=name))
    about = f"project {stack.connection.current_project.name or stack.project.id}"
    theirs, remarks = rating.charged(stack.connection, wanted.start, wanted.end)
    told = report(prices, usages, wanted, about, [*notes, *remarks])
    return Asked(told, side_by_side(told.statement, theirs) if theirs is not None else ())


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises SkytierError with those most like it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        near = nearest_first(name, available_timezones(), most=5)
        raise SkytierError(f"{name!r} is not a time zone.", f"Some that are: {near}.") from None

"""What the commands about costs that were have in common: options, and how they ask the cloud."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from skytier.cli import chosen
from skytier.cloud.listing import nearest_first
from skytier.errors import SkytierError

if TYPE_CHECKING:
    from skytier.cloud.stack import CloudStack
    from skytier.cloud.usages.collected import Collected
    from skytier.costs.period import Period
    from skytier.costs.rates import Rates
    from skytier.stack import StackFile

Start = Annotated[
    str,
    typer.Option(
        "--from", metavar="TIME", help="2026-11, 2026-11-24, 2026-11-24T12:30, -24h or -7d."
    ),
]
End = Annotated[
    str,
    typer.Option("--to", metavar="TIME", help="The same; a month or a day means all of it."),
]
RatesFile = Annotated[
    Path | None,
    typer.Option("--rates", metavar="PATH", help="A rates file; without one rates are examples."),
]
Zone = Annotated[
    str,
    typer.Option("--zone", metavar="ZONE", help="Whose days and months count: Europe/Berlin."),
]
NOTHING_BILLED = "This stack runs on this machine, where nothing is billed."


def cloud_stack(file: Path | None, cloud: str | None) -> "CloudStack":
    """The stack on its cloud. Raises SkytierError for one on this machine."""
    wanted = chosen.stack_file(file, cloud)
    if wanted.cloud is None:
        raise SkytierError(
            NOTHING_BILLED, "Name a cloud (--cloud NAME), or see skytier cost estimate."
        )
    return chosen.cloud_stack(wanted)


def zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises SkytierError with those most like it."""
    from zoneinfo import available_timezones

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        near = nearest_first(name, available_timezones(), most=5)
        raise SkytierError(f"{name!r} is not a time zone.", f"Some that are: {near}.") from None


def month_so_far(period: "Period", stack: "CloudStack") -> "Collected":
    """All that the project used since the start of the period's month. Raises SkytierError."""
    from skytier.cloud.usages import project
    from skytier.cloud.usages.collected import Window

    return project.collect(stack.connection, Window(period.month_start, period.end))

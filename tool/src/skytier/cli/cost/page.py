"""A bill as one HTML file that needs nothing else: tables, and charts as SVG inside."""

import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from skytier.cli.cost import shown
from skytier.costs.cloudkitty.rated import Compared
from skytier.costs.report import By, Report, days_and_kinds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#3b6fb6", "#e0913a", "#4f9d69", "#b6534a", "#7a68ae", "#8a6d55", "#5aa7b5", "#8f8f8f")
_MOST_BARS = 12


def page(bill: Report, by: By, beside: Sequence[Compared]) -> str:
    """The whole file as text."""
    environment = Environment(
        loader=PackageLoader("skytier.cli.cost"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    by_day = days_and_kinds(bill)
    return environment.get_template("report.html.j2").render(
        heading=shown.heading(bill),
        total=shown.total(bill),
        remarks=shown.remarks(bill),
        currency=bill.statement.currency,
        by=str(by),
        amounts=None if by is By.RESOURCE else bill.amounts(by),
        lines=bill.statement.lines(),
        days=Markup(_days(by_day, bill)) if by_day else "",  # noqa: S704  # our own SVG
        largest=Markup(_largest(bill, by)) if by_day else "",  # noqa: S704
        beside=beside,
    )


def _days(kinds: Mapping[str, Mapping[date, Decimal]], bill: Report) -> str:
    """A bar for each day of the period, with a part for each kind."""
    figure, axes = _figure(3.2)
    first, last = bill.period.days
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    at, below = [day.toordinal() for day in every], [0.0] * len(every)
    for colour, (kind, days) in zip(_COLOURS, sorted(kinds.items()), strict=False):
        heights = [float(days.get(day, 0)) for day in every]
        axes.bar(at, heights, bottom=below, label=kind, color=colour, width=0.8)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    step = -(-len(every) // _MOST_BARS)
    axes.set_xticks(at[::step], [f"{day:%d %b}" for day in every[::step]])
    axes.set_ylabel(f"{bill.statement.currency} a day")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return _svg(figure)


def _largest(bill: Report, by: By) -> str:
    """The largest rows of what the report is by, in the order of their amounts or of time."""
    rows = bill.amounts(by)
    rows = rows[-_MOST_BARS:] if by in (By.DAY, By.MONTH) else rows[:_MOST_BARS]
    figure, axes = _figure(0.6 + 0.32 * len(rows))
    bars = axes.barh(
        range(len(rows)), [float(amount) for _, amount in rows], color=_COLOURS[0], height=0.7
    )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.bar_label(bars, [f" {amount}" for _, amount in rows])
    axes.invert_yaxis()
    axes.set_xlabel(bill.statement.currency)
    axes.margins(x=0.12)
    return _svg(figure)


def _figure(height_inch: float) -> "tuple[Figure, Axes]":
    # Imported when a chart is drawn: it takes longer than most commands.
    from matplotlib.figure import Figure

    figure = Figure((9, height_inch), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: "Figure") -> str:
    """Text stays text, to be searched and read aloud; the same bill is always the same file."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "skytier"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]

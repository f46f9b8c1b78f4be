"""Charts as matplotlib draws them: for a page of HTML, and on a page of PDF."""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from skytier.charts.chart import Unit, human
from skytier.metrics.source import Mark
from skytier.report.facts import Drawing

# Told apart in every common kind of colour blindness, and by their dashes; as on the dashboard.
INKS = ("#0f5f8c", "#c2570c", "#00806a", "#8b3f86", "#7a6400", "#4a5560")
_DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    *("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (9, 3)), (0, (3, 3))),
)
TEXT, QUIET, RULE = "#1d242b", "#5a6570", "#dcdfdd"
_MOST_IN_LEGEND = 8


def svg(drawing: Drawing, marks: Sequence[Mark]) -> str:
    """One chart as an image of its own."""
    # Letters stay letters, which can be searched and read aloud. The same salt gives the same names
    # within the file, so that a report can be made again.
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": drawing.chart.id, "font.size": 8.5}
    ):
        figure = Figure(figsize=(7.2, 2.3), layout="constrained")
        on(figure.add_subplot(), drawing, marks)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return buffer.getvalue()


def on(axes: Axes, drawing: Drawing, marks: Sequence[Mark]) -> None:
    """Draw the lines of a chart, and the releases across them."""
    grid, unit = drawing.grid, drawing.chart.unit
    times = [_number(at) for at in grid.times]
    for index, (name, values) in enumerate(grid.lines):
        numbers = [float("nan") if value is None else value for value in values]
        axes.plot(
            times,
            numbers,
            label=name,
            color=INKS[index % len(INKS)],
            linestyle=_DASHES[(index + index // len(INKS)) % len(_DASHES)],
            linewidth=1.3,
            marker="." if _is_sparse(values) else None,
        )
    for mark in marks:
        axes.axvline(_number(mark.at), color=TEXT, linewidth=0.8, linestyle=(0, (3, 3)))
    _scales(axes, unit, times)
    if len(grid.lines) > 1:
        axes.legend(
            handles=axes.get_legend_handles_labels()[0][:_MOST_IN_LEGEND],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=4,
            frameon=False,
            labelcolor=TEXT,
        )


def _scales(axes: Axes, unit: Unit, times: Sequence[float]) -> None:
    locator = AutoDateLocator(tz=UTC, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC, show_offset=False))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, unit)))
    if len(times) > 1:
        axes.set_xlim(times[0], times[-1])
    top = axes.dataLim.y1 or 1
    axes.set_ylim(0, 100 if unit is Unit.PERCENT and 60 < top <= 100 else top * 1.12)
    if unit in (Unit.BYTES, Unit.BYTES_PER_S):
        axes.yaxis.set_major_locator(MultipleLocator(2 ** math.ceil(math.log2(top / 4))))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.tick_params(length=0, labelcolor=QUIET)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(RULE)


def _tick(value: float, unit: Unit) -> str:
    if unit in (Unit.BYTES, Unit.BYTES_PER_S, Unit.SECONDS):
        return human(value, unit).replace(".0 ", " ")
    return f"{value:.3g}" + {Unit.PERCENT: "%", Unit.PER_S: "/s"}.get(unit, "")


def _is_sparse(values: Sequence[float | None]) -> bool:
    """Whether a value stands alone somewhere, which no line would show."""
    there = [value is not None for value in values]
    around = zip([False, *there], there, [*there[1:], False], strict=False)
    return any(now and not before and not after for before, now, after in around)


def _number(at: float) -> float:
    return float(date2num(datetime.fromtimestamp(at, UTC)))

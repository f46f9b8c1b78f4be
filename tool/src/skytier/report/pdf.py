"""A report as pages of PDF."""

import io
import textwrap
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from skytier.report import draw, sentences
from skytier.report.facts import Facts

_A4 = (8.27, 11.69)
_CHARTS_A_PAGE = 4
_LINES_A_PAGE = 48
_LEFT, _TOP, _BOTTOM = 0.09, 0.95, 0.06
_WIDTH = 92
_LINE = 0.018


def pdf(facts: Facts) -> bytes:
    """The whole document: what was in words, then the charts, then the lists."""
    buffer = io.BytesIO()
    # Letters that can be searched and copied.
    with mpl.rc_context({"pdf.fonttype": 42, "font.size": 8.5}):
        pages = [*_texts(_summary(facts), sentences.title(facts)), *_charts(facts)]
        pages += _texts(_lists(facts), "Alerts, releases and cost")
        information = {"Title": sentences.title(facts), "Creator": "skytier report"}
        with PdfPages(buffer, metadata=information) as document:
            for number, page in enumerate(pages, 1):
                _foot(page, f"{facts.name}, page {number} of {len(pages)}")
                document.savefig(page)
    return buffer.getvalue()


def _summary(facts: Facts) -> list[str]:
    lines = [
        *sentences.availability(facts),
        sentences.alerts(facts),
        sentences.releases(facts),
        *([facts.cost.sentence] if facts.cost else []),
        *facts.missing,
    ]
    if not facts.drawings:
        lines.append("Nothing was measured in this time.")
    spaced = [line for each in lines for line in (each, "")]
    return [*spaced, f"All times are in UTC. Figures: {facts.source}."]


def _lists(facts: Facts) -> list[str]:
    lines = [sentences.alerts(facts)]
    for each in facts.episodes:
        where = f" on {each.machine}" if each.machine else ""
        lines.append(f"•  {each.name}{where} ({each.severity}): {sentences.episode(each)}")
    lines += ["", sentences.releases(facts)]
    for mark in facts.releases:
        lines.append(f"•  {sentences.when(mark.at)}: {mark.release or mark.version}")
    if facts.cost:
        lines += ["", facts.cost.sentence]
        for line in facts.cost.lines:
            amount = "unknown" if line.per_month is None else line.per_month
            lines.append(f"•  {line.kind} {line.resource}: {amount} {facts.cost.currency} a month")
    return lines


def _texts(lines: Sequence[str], title: str) -> list[Figure]:
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(line, _WIDTH, subsequent_indent="   " * line.startswith("•"))
        or [""]
    ]
    starts = range(0, len(wrapped), _LINES_A_PAGE)
    return [_text(wrapped[start : start + _LINES_A_PAGE], title) for start in starts]


def _text(lines: Sequence[str], title: str) -> Figure:
    page = Figure(figsize=_A4)
    y = _title(page, title)
    for line in lines:
        _write(page, y, line)
        y -= _LINE
    return page


def _charts(facts: Facts) -> list[Figure]:
    starts = range(0, len(facts.drawings), _CHARTS_A_PAGE)
    return [_chart_page(facts, start) for start in starts]


def _chart_page(facts: Facts, start: int) -> Figure:
    page = Figure(figsize=_A4)
    row = (_TOP - _BOTTOM) / _CHARTS_A_PAGE
    for place, each in enumerate(facts.drawings[start : start + _CHARTS_A_PAGE]):
        top = _TOP - place * row
        heading = f"{each.chart.group}: {each.chart.title}"
        _write(page, top, heading, weight="bold", size=10)
        said = textwrap.wrap(sentences.drawing(each), 120)[:3]
        for number, line in enumerate(said):
            _write(page, top - 0.017 - number * 0.012, line, size=7, color=draw.QUIET)
        height = row - 0.085 - len(said) * 0.012
        axes = page.add_axes((_LEFT + 0.04, top - row + 0.055, 0.78, height))
        draw.on(axes, each, facts.releases)
    return page


def _title(page: Figure, title: str) -> float:
    """Write a page's title. Returns the height at which the text goes on."""
    y = _TOP
    for line in textwrap.wrap(title, 62):
        _write(page, y, line, size=14, weight="bold")
        y -= 0.025
    return y - 0.015


def _foot(page: Figure, text: str) -> None:
    _write(page, 0.03, text, size=7, color=draw.QUIET)


def _write(
    page: Figure,
    y: float,
    text: str,
    size: float = 10,
    weight: str = "normal",
    color: str = draw.TEXT,
) -> None:
    # A dollar sign would begin a formula.
    page.text(_LEFT, y, text, size=size, weight=weight, color=color, va="top", parse_math=False)

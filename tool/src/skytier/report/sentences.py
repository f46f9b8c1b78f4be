"""What the figures say, in sentences."""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean

from skytier.charts.chart import human
from skytier.report.facts import Drawing, Episode, Facts

_MOST_LINES = 4


def when(at: float) -> str:
    """`24 Nov 2026, 18:30`, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%-d %b %Y, %H:%M}"


def lasted(seconds: float) -> str:
    """How long something was.

    >>> lasted(90), lasted(5400), lasted(172800)
    ('1.5 min', '1.5 h', '2 days')
    """
    for name, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size or name == "min":
            return f"{round(seconds / size, 1):g} {name}"
    raise AssertionError


def title(facts: Facts) -> str:
    """`shop on mycloud, 23 Nov 2026, 18:00 to 24 Nov 2026, 18:00`"""
    where = facts.cloud or "this machine"
    return f"{facts.name} on {where}, {when(facts.start)} to {when(facts.end)}"


def availability(facts: Facts) -> list[str]:
    """Whether it was there, and whether it answered well."""
    said = []
    watch = facts.watch
    if watch.looks:
        share = 100 * watch.well / watch.looks
        said.append(
            f"The application answered its monitor {_share(share)} of the "
            f"{lasted(watch.looks * watch.step_s)} in which it was watched."
        )
    else:
        said.append("Nobody watched whether the application answered.")
    count = requests(facts)
    if not count:
        said.append("No request was counted.")
        return said
    errors = _sum(facts, "error_percent", weighted=True)
    said.append(
        f"Of {count:,.0f} requests {_share(100 - errors)} were answered without an error of ours."
    )
    return said


def requests(facts: Facts) -> float:
    """How many there were: the rate of each moment, for as long as the moments are apart."""
    return _sum(facts, "requests_per_s")


def drawing(shown: Drawing) -> str:
    """`12.3% on average, at the most 45.6% on 24 Nov 2026, 12:03.` for each line."""
    said = []
    lines = sorted(shown.grid.lines, key=lambda line: -_mean(line[1]))
    for name, values in lines[:_MOST_LINES]:
        top = max(value for value in values if value is not None)
        at = shown.grid.times[values.index(top)]
        unit = shown.chart.unit
        whose = f"{name}: " if len(lines) > 1 else ""
        said.append(
            f"{whose}{human(_mean(values), unit)} on average, "
            f"at the most {human(top, unit)} on {when(at)}"
        )
    if (more := len(lines) - _MOST_LINES) > 0:
        said.append(f"and {more} more with less")
    return "; ".join(said) + "."


def alerts(facts: Facts) -> str:
    """How many there were."""
    if not facts.episodes:
        return "No alert fired."
    still = sum(each.end is None for each in facts.episodes)
    if len(facts.episodes) == 1:
        return f"One alert fired in this time, and {'still did at its end' if still else 'ended'}."
    went = f"{still} of them still at its end" if still else "and all of them ended"
    return f"{len(facts.episodes)} alerts fired in this time, {went}."


def episode(each: Episode) -> str:
    """`24 Nov 2026, 12:03, for 3 min`"""
    how = "and still at the end" if each.end is None else f"for {lasted(each.end - each.start)}"
    return f"{when(each.start)}, {how}"


def releases(facts: Facts) -> str:
    """How many there were."""
    count = len(facts.releases)
    if not count:
        return "No release began to run in this time."
    return f"{'One release' if count == 1 else f'{count} releases'} began to run in this time."


def _sum(facts: Facts, chart: str, *, weighted: bool = False) -> float:
    """A chart's only line over the time; `weighted`, its mean by the requests of each moment."""
    lines = {each.chart.id: each.grid.lines[0][1] for each in facts.drawings if not each.chart.by}
    grids = {each.chart.id: each.grid for each in facts.drawings}
    if chart not in lines:
        return 0.0
    times = grids[chart].times
    step_s = times[1] - times[0] if len(times) > 1 else 0
    if not weighted:
        return sum(value * step_s for value in lines[chart] if value is not None)
    pairs = [
        (value, weight)
        for value, weight in zip(lines[chart], lines["requests_per_s"], strict=True)
        if value is not None and weight
    ]
    weight = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / weight if weight else 0.0


def _mean(values: Sequence[float | None]) -> float:
    return fmean(value for value in values if value is not None)


def _share(percent: float) -> str:
    """Never rounded up to 100%.

    >>> _share(99.9999), _share(100), _share(98.5)
    ('99.99%', '100%', '98.5%')
    """
    return f"{int(percent * 100) / 100:g}%"

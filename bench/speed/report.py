"""What was measured, as tables for the terminal and for docs/decisions/speed.md."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bench.speed import stage
from bench.speed.about import About
from bench.speed.aims import Aim
from bench.speed.contenders import PLAIN
from bench.speed.measure import DIRECT, NGINX, Setting
from bench.speed.results import Key, Result

Found = Mapping[Key, Result]
Cell = Callable[[Result, Result | None], str]
"""The text for a result, given that of the plain design for the same work."""


def tables(found: Found, main: Setting) -> Iterator[str]:
    """Every table, in Markdown, each with its heading."""
    yield f"Requests a second, as ratios to {PLAIN}, {_words(main)}:"
    yield _table(found, main, _rps)
    yield f"Half of the answers within / 99% within, in ms, {_words(main)}:"
    yield _table(found, main, _latency)
    yield f"Processor time of the application for a request, in ms, {_words(main)}:"
    yield _table(found, main, _cpu)
    for setting in dict.fromkeys(setting for _, setting, _ in found):
        if setting != main:
            yield f"Ratio to {PLAIN} · 50% / 99% within ms, {_words(setting)}:"
            yield _table(found, setting, _all)


def aims(found: Iterable[Aim]) -> str:
    """What was aimed at, and what was found."""
    rows = [
        [
            aim.words + (f" (hardest: `{aim.row}`)" if aim.row else ""),
            f"{'at least' if aim.at_least else 'at most'} {aim.bound:g}",
            f"{aim.found:.2f}",
            "met" if aim.met else "**not met**",
        ]
        for aim in found
    ]
    return markdown(["", "aim", "found", ""], rows)


def about(known: About) -> Iterator[str]:
    """What the figures were found with."""
    yield f"Machine: {known.machine}."
    if known.noise is not None:
        yield f"Noise: {PLAIN} against itself differs by {known.noise:.0%}."
    yield markdown(
        ["", "version", "memory, MiB", "start-up, s"],
        [
            [
                name,
                version,
                str(known.memory_mib.get(name, "")),
                str(known.start_up_s.get(name, "")),
            ]
            for name, version in known.versions.items()
        ],
    )


def _words(setting: Setting) -> str:
    door = {NGINX: "through Nginx", DIRECT: "without Nginx"}[setting.door]
    return f"{setting.connections} connections, {door}"


def _rps(result: Result, plain: Result | None) -> str:
    if plain is None or not plain.rps:
        return f"{result.rps:.0f}/s"
    return f"{result.rps / plain.rps:.2f}"


def _latency(result: Result, plain: Result | None) -> str:
    return f"{result.p50_ms:.1f} / {result.p99_ms:.1f}"


def _cpu(result: Result, plain: Result | None) -> str:
    return "" if result.cpu_ms is None else f"{result.cpu_ms:.3f}"


def _all(result: Result, plain: Result | None) -> str:
    return f"{_rps(result, plain)} · {_latency(result, plain)}"


def _table(found: Found, setting: Setting, cell: Cell) -> str:
    """A row for each contender, a column for each kind of work."""
    works = list(dict.fromkeys(work for work, at, _ in found if at == setting))

    def text(name: str, work: str) -> str:
        result = found.get((work, setting, name))
        return cell(result, found.get((work, setting, PLAIN))) if result else ""

    rows = [[name, *(text(name, work) for work in works)] for name in stage.NAMES]
    return markdown(["", *works], [row for row in rows if any(row[1:])])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its columns aligned."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([first, *rest])} |"

    rule = "|".join([":" + "-" * (widths[0] + 1), *("-" * (w + 1) + ":" for w in widths[1:])])
    return "\n".join([line(head), f"|{rule}|", *map(line, rows)])

"""What was measured, as tables that a person reads: in the terminal and in docs/speed.md."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bench.speed import stage
from bench.speed.about import About
from bench.speed.aims import Aim
from bench.speed.contenders import PLAIN
from bench.speed.measure import Setting
from bench.speed.results import Key, Result

Found = Mapping[Key, Result]
Cell = Callable[[str, str], str]
"""The text for a contender (first) and a kind of work."""


def tables(found: Found, main: Setting) -> Iterator[str]:
    """Every table, in Markdown, each with its heading."""
    works = list(dict.fromkeys(work for work, _, _ in found))
    settings = list(dict.fromkeys(setting for _, setting, _ in found))
    names = [name for name in stage.NAMES if any(n == name for _, _, n in found)]
    yield f"Requests a second, as ratios to {PLAIN} ({_words(main)}):"
    yield _table(names, works, lambda name, work: _rps(found, work, main, name))
    yield "Half of the answers within / 99% within, in ms:"
    yield _table(names, works, lambda name, work: _latency(found, work, main, name))
    yield "Processor time of the application for a request, in ms:"
    yield _table(names, works, lambda name, work: _cpu(found, work, main, name))
    for setting in settings:
        if setting != main:
            own = [work for work in works if any((work, setting, n) in found for n in names)]
            yield f"{_words(setting).capitalize()}: ratio, and 50% / 99% within ms:".replace(
                "nginx", "Nginx"
            )
            yield _table(
                names,
                own,
                lambda name, work, s=setting: " · ".join(  # type: ignore[misc]
                    text
                    for text in (_rps(found, work, s, name), _latency(found, work, s, name))
                    if text
                ),
            )


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
    return f"{setting.connections} connections, {setting.door}"


def _rps(found: Found, work: str, setting: Setting, name: str) -> str:
    result, plain = found.get((work, setting, name)), found.get((work, setting, PLAIN))
    if result is None:
        return ""
    if plain is None or not plain.rps:
        return f"{result.rps:.0f}/s"
    return f"{result.rps / plain.rps:.2f}"


def _latency(found: Found, work: str, setting: Setting, name: str) -> str:
    result = found.get((work, setting, name))
    return f"{result.p50_ms:.1f} / {result.p99_ms:.1f}" if result else ""


def _cpu(found: Found, work: str, setting: Setting, name: str) -> str:
    result = found.get((work, setting, name))
    return f"{result.cpu_ms:.3f}" if result and result.cpu_ms is not None else ""


def _table(names: Sequence[str], works: Sequence[str], cell: Cell) -> str:
    rows = [[name, *(cell(name, work) for work in works)] for name in names]
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

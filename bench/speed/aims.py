"""What the application aims at, as ratios of one run, and whether it gets there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.speed.about import About
from bench.speed.contenders import PLAIN, PRODUCT
from bench.speed.measure import MAIN, NGINX, Setting
from bench.speed.results import Key, Result, quotient

Found = Mapping[Key, Result]
Figure = Callable[[Result], float]
MANY = Setting(NGINX, 256)


@dataclass(frozen=True)
class Aim:
    """A figure that shall be at least, or at most, some other."""

    words: str
    found: float
    bound: float
    at_least: bool
    row: str = ""
    """The work where it is hardest, when it is about all of them."""

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound


def aims(found: Found, known: About) -> Iterator[Aim]:
    """Every aim whose contenders were measured, in the main setting."""
    for work, name, bound in (
        ("one", PLAIN, 6),
        ("list", PLAIN, 5),
        ("create", PLAIN, 3),
        ("one", "flask", 4),
        ("one", "pgbench", 0.1),
    ):
        for at in _ratios(found, name, _rps):
            if at.work == work:
                yield Aim(f"`{work}`: requests a second, to {name}", at.ratio, bound, True)
    for name, bound in (("litestar", 1), ("starlette", 1), ("django", 1), ("fastify", 0.7)):
        if all_rows := [*_ratios(found, name, _rps)]:
            worst = min(all_rows, key=lambda at: at.ratio)
            words = f"every row: requests a second, to {name}"
            yield Aim(words, worst.ratio, bound, True, worst.work)
    for words, figure, bound in (
        ("processor time of a request", _cpu, 0.15),
        ("p99", _p99, 0.5),
    ):
        if all_rows := [*_ratios(found, PLAIN, figure)]:
            worst = max(all_rows, key=lambda at: at.ratio)
            yield Aim(f"every row: {words}, to {PLAIN}", worst.ratio, bound, False, worst.work)
    cached, fixed = (found.get(("one", MAIN, f"nginx_{kind}")) for kind in ("cached", "fixed"))
    if cached and fixed:
        yield Aim(
            "a micro-cached read, to a fixed body", quotient(cached.rps, fixed.rps), 0.75, True
        )
    many = [
        (quotient(result.p99_ms, result.p50_ms), work)
        for (work, setting, name), result in found.items()
        if name == PRODUCT and setting == MANY
    ]
    if many:
        yield Aim("256 connections: p99, to its p50", max(many)[0], 5, False, max(many)[1])
    failed = sum(result.failed for (_, _, name), result in found.items() if name == PRODUCT)
    yield Aim("failed requests", failed, 0, False)
    for figures, words, bound in (
        (known.memory_mib, "memory of a worker after the run, in MiB", 80),
        (known.start_up_s, "start-up of a worker, in s", 0.7),
    ):
        if PRODUCT in figures:
            yield Aim(words, figures[PRODUCT], bound, False)


@dataclass(frozen=True)
class _At:
    work: str
    ratio: float


def _ratios(found: Found, other: str, figure: Figure) -> Iterator[_At]:
    """The product's figure as a ratio to another's, for each work that both were measured at."""
    for (work, setting, name), result in found.items():
        theirs = found.get((work, setting, other))
        if name == PRODUCT and setting == MAIN and theirs:
            yield _At(work, quotient(figure(result), figure(theirs)))


def _rps(result: Result) -> float:
    return result.rps


def _p99(result: Result) -> float:
    return result.p99_ms


def _cpu(result: Result) -> float:
    return result.cpu_ms or float("nan")

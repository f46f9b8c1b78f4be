"""Measures how the application grows.

    bench/grow                     with its workers, its table and open connections
    bench/grow posts --ten-million
    bench/grow memory              what a worker holds over a million requests

The results go to the standard output, how it goes to the standard error.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import groupby

from bench.speed import growth, machine, pages
from bench.speed.growth import Step
from bench.speed.report import markdown
from bench.speed.run import POSTS

WORKERS = (1, 2, 4)
SIZES = (10_000, 100_000, 1_000_000)
OPEN = (100, 1_000, 10_000)
MILLION = 1_000_000
KINDS = ("workers", "posts", "connections", "memory")


def main() -> None:
    """Measure, and print what was found."""
    arguments = _arguments()
    parts: list[str] = []
    with machine.telling("bench/grow"):
        machine.require(machine.PACKAGES)
        for kind in arguments.kinds or KINDS[:3]:
            parts += _tables(kind, (*SIZES, 10 * MILLION) if arguments.ten_million else SIZES)
    text = "\n\n".join(parts)
    if arguments.write:
        pages.write_growth(text)
    print(text)


def _tables(kind: str, sizes: Sequence[int]) -> Iterator[str]:
    if kind == "workers":
        yield "Workers of the application: requests a second, and 99% within ms:"
        yield _table("workers", growth.with_workers(WORKERS, POSTS))
    elif kind == "posts":
        yield "Posts in the table, one worker: requests a second, and 99% within ms:"
        yield _table("posts", growth.with_posts(sizes))
    elif kind == "connections":
        yield "Idle connections at Nginx, while 32 others ask for one post:"
        rows = [
            [f"{s.size:,}", f"{s.held:,}", f"{s.result.rps:.0f}", f"{s.result.p99_ms:.1f}"]
            for s in growth.with_open_connections(OPEN, POSTS)
        ]
        yield markdown(["opened", "held", "requests a second", "99% within ms"], rows)
    else:
        yield "What a worker holds:"
        found = growth.with_time(MILLION, POSTS)
        yield markdown(["requests", "MiB"], [[f"{sent:,}", f"{mib:.1f}"] for sent, mib in found])


def _table(what: str, steps: Iterator[Step]) -> str:
    """A row for each size, a column for each kind of work."""
    found = sorted(steps, key=lambda step: step.size)  # stable: the work stays in its order
    rows = [
        [f"{size:,}", *(f"{s.result.rps:.0f} · {s.result.p99_ms:.1f}" for s in of_size)]
        for size, of_size in groupby(found, key=lambda step: step.size)
    ]
    works = dict.fromkeys(step.work for step in found)
    return markdown([what, *works], rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/grow", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--ten-million", action="store_true", help="a table of 10 million, too")
    parser.add_argument("--write", action="store_true", help="put the results into docs/")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"{', '.join(sorted(unknown))}: it takes {', '.join(KINDS)}")
    return arguments


if __name__ == "__main__":
    main()

"""Measures the application and its neighbours, side by side.

    bench/run --quick                             every contender, in less than 3 minutes
    bench/run --only skytier,plain --work one     these contenders, this work
    bench/run --write                             a full run, into docs/

The results go to the standard output, how it goes to the standard error.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.speed import database, machine, plans, report, stage
from bench.speed.measure import measure
from bench.speed.results import as_json, results
from bench.speed.work import WORK
from skytier.errors import SkytierError

POSTS = 100_000


def main() -> None:
    """Measure, and print what was found."""
    arguments = _arguments()
    base = plans.QUICK if arguments.quick else plans.FULL
    chosen = [*plans.chosen(base, arguments.work, arguments.connections, arguments.rounds)]
    try:
        machine.require(machine.PACKAGES)
        with (
            tempfile.TemporaryDirectory(prefix="skytier-bench") as directory,
            database.running(arguments.posts) as data,
        ):
            Path(directory).chmod(0o711)
            with stage.ready(arguments.only, data, Path(directory)) as ready:
                found = results(measure(chosen, ready.subjects, ready.works))
    except SkytierError as error:
        raise SystemExit(f"bench/run: {error}") from None
    main_setting = chosen[0].setting
    if arguments.json:
        print(json.dumps(as_json(found, main_setting)))
    else:
        print("\n\n".join(report.tables(found, main_setting)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three rounds of short slices")
    parser.add_argument(
        *("--only",), type=_some_of(stage.NAMES), default=stage.NAMES, metavar="NAME,..."
    )
    parser.add_argument("--work", type=_some_of([*WORK]), metavar="NAME,...")
    parser.add_argument("--connections", type=_numbers, metavar="N,...")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--posts", type=int, default=POSTS, help="rows of the table")
    parser.add_argument("--json", action="store_true", help="one JSON object: work, contender")
    return parser.parse_args()


def _some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def split(text: str) -> list[str]:
        if unknown := set(text.split(",")) - set(known):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: it takes {', '.join(known)}"
            )
        return text.split(",")

    return split


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    main()

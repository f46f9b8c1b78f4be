"""Measures the application and its neighbours, side by side.

    bench/run --quick                             every contender, in less than 3 minutes
    bench/run --only skytier,plain --work one     these contenders, this work
    bench/run --quick --connections 32,256 --direct
    bench/run --write                             a full run, into docs/decisions/

The results go to the standard output, how it goes to the standard error.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench.speed import about, database, machine, pages, plans, report, stage
from bench.speed.aims import aims
from bench.speed.measure import Sample, measure
from bench.speed.results import as_json, results
from bench.speed.work import WORK

POSTS = 100_000


def main() -> None:
    """Measure, and print what was found."""
    arguments = _arguments()
    chosen = [
        *plans.chosen(
            plans.QUICK if arguments.quick else plans.FULL,
            arguments.work,
            arguments.connections,
            arguments.rounds,
            direct=arguments.direct,
        )
    ]
    with (
        machine.telling("bench/run"),
        tempfile.TemporaryDirectory(prefix="skytier-bench") as directory,
    ):
        machine.require(machine.PACKAGES)
        Path(directory).chmod(0o711)
        with (
            database.running(arguments.posts) as data,
            stage.ready(arguments.only, data, Path(directory)) as ready,
        ):
            noise = about.noise(ready, replace(plans.NOISE, rounds=chosen[0].rounds))
            found = results(_told(measure(chosen, ready.subjects, ready.works)))
            known = about.look(ready, data, noise)
    main_setting = chosen[0].setting
    reached = [*aims(found, known)]
    about_it = {**asdict(known), "aims": [{**asdict(aim), "met": aim.met} for aim in reached]}
    document = {**as_json(found, main_setting), "about": about_it}
    parts = [*report.tables(found, main_setting), report.aims(reached), *report.about(known)]
    if arguments.write:
        pages.write(found, document, "\n\n".join(parts))
    print(json.dumps(document) if arguments.json else "\n\n".join(parts))


def _told(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The same samples; says what they are about when that changes."""
    before = None
    for sample in samples:
        about_now = f"{sample.work}, {sample.setting.name} ..."
        if about_now != before:
            machine.say(about_now)
        before = about_now
        yield sample


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
    parser.add_argument("--direct", action="store_true", help="also without Nginx")
    parser.add_argument("--rounds", type=_number)
    parser.add_argument("--posts", type=_number, default=POSTS, help="rows of the table")
    parser.add_argument("--json", action="store_true", help="one JSON object: work, contender")
    parser.add_argument("--write", action="store_true", help="put the results into docs/decisions/")
    arguments = parser.parse_args()
    narrowed = arguments.work or arguments.connections or arguments.direct
    if arguments.write and (narrowed or arguments.only != stage.NAMES):
        parser.error("--write takes everyone and all the work")
    return arguments


def _some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def split(text: str) -> list[str]:
        if unknown := set(text.split(",")) - set(known):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: it takes {', '.join(known)}"
            )
        return text.split(",")

    return split


def _numbers(text: str) -> list[int]:
    return [_number(word) for word in text.split(",")]


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 and above")
    return int(text)


if __name__ == "__main__":
    main()

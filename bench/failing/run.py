"""Makes the machines of a replicated database fail while clients write.

    bench/database
    bench/database --json --only "kill -9 of both"
    bench/database --write             # also into docs/reference/reliability.md

The stack is in containers of this machine (as root): a web server and three members of the
database. Eight clients on the web server insert numbers, each once, and two read, by the URLs that
an application gets. For each fault: how many numbers were acknowledged, how many of these are not
there afterwards, for how long none was acknowledged, for how long nothing could be read, and
whether all members are in step again without help once the fault is mended. The exit code is 1 when
something was lost, or did not come back.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.failing import table
from bench.failing.faults import Fault, all_faults
from bench.failing.stack import Stack, running
from bench.speed import machine
from skytier.poll import until

BEFORE_S, AFTER_S = 3, 5
"""How long clients work before a fault, and at least after it."""
Result = dict[str, Any]


def main() -> None:
    """Do all of it, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="bench/database",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--only", metavar="FAULT", action="append", choices=list(all_faults(0)))
    arguments = parser.parse_args()
    faults = all_faults(arguments.seed)
    chosen = {name: faults[name] for name in arguments.only or faults}
    results = {}
    with (
        machine.telling("bench/database"),
        tempfile.TemporaryDirectory(prefix="sky") as directory,
        running(Path(directory)) as stack,
    ):
        for name, fault in chosen.items():
            results[name] = measure(stack, fault)
            print(f"{name}: {results[name]}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(results, indent=2))
    if arguments.write:
        table.write(results, f"{machine.description()}; seed {arguments.seed}")
    sys.exit(any(each["lost"] or not each["rejoined"] for each in results.values()))


def measure(stack: Stack, fault: Fault) -> Result:
    """What a fault did to the work of the clients."""
    with stack.clients() as work:
        time.sleep(BEFORE_S)
        began = time.time()
        fault(stack)
        time.sleep(AFTER_S)
        # Also after the fault is mended, writes may be away for as long as Patroni waits.
        rejoined = stack.wait_until_well()
        time.sleep(AFTER_S)
        ended = time.time()
    until(lambda: stack.members().primaries, 60, every_s=1)
    acknowledged = {number for _, number in work.writes}
    return {
        "acknowledged": len(acknowledged),
        "lost": len(acknowledged - stack.stored()),
        "seconds_without_writes": longest_gap([at for at, _ in work.writes], began, ended),
        "seconds_without_reads": longest_gap([at for at, _ in work.reads], began, ended),
        "rejoined": rejoined,
    }


def longest_gap(times: Sequence[float], began: float, ended: float) -> float:
    """The longest time without an answer, in seconds, from the last one before the fault on.

    >>> longest_gap([9.0, 10.5, 14.0], began=10, ended=15)
    3.5
    """
    before = max((at for at in times if at <= began), default=began)
    marks = [before, *sorted(at for at in times if began < at < ended), ended]
    return round(max(b - a for a, b in pairwise(marks)), 1)


if __name__ == "__main__":
    main()

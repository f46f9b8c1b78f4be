"""What watching costs: CPU and memory on each machine, and requests a second with and without it.

    bench/monitor --local                                  a stack of its own on this machine
    bench/monitor --cloud devcloud --file skytier.toml     one that is up, and idle, on a cloud

It waits until Prometheus has come to rest. Then visits are counted in rounds of four slices: with
watching, twice without, with. Without means that its processes are frozen where they stand, since
their start would cost more than their work. The result is the median of the rounds' ratios; the
noise is how far the two slices without watching are apart.
"""

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from bench.speed import machine
from bench.watching.cloud import CloudStack
from bench.watching.local import local_stack
from bench.watching.measure import Round, rest, rounds, taken_over
from bench.watching.watched import Parts, Watched


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="bench/monitor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--local", action="store_true")
    which.add_argument("--cloud")
    parser.add_argument("--file", default="skytier.toml", help="the stack file, with --cloud")
    parser.add_argument("--rounds", type=int, default=20, help="2 or more")
    parser.add_argument("--seconds", type=float, default=3, help="of each slice of a round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--posts", type=int, default=10_000, help="with --local")
    parser.add_argument("--rest", type=float, default=60, help="seconds of rest before it begins")
    arguments = parser.parse_args()
    with machine.telling("bench/monitor"), _stack(arguments) as stack:
        machine.require(machine.PACKAGES)
        machine.say("Waiting until Prometheus has come to rest ...")
        rest(stack, arguments.rest, 10 * arguments.rest)
        print(f"MonitoringConfig {stack.where}, while nobody visits:")
        _print_parts(taken_over(stack, arguments.rest))
        found = rounds(stack, arguments.rounds, arguments.seconds, arguments.connections)
        _print_rounds(found)


@contextmanager
def _stack(arguments: argparse.Namespace) -> Iterator[Watched]:
    if not arguments.local:
        yield CloudStack(arguments.cloud, arguments.file)
        return
    with local_stack(arguments.posts) as stack:
        yield stack


def _print_parts(taken: Parts) -> None:
    for machine_name in sorted({name for name, _ in taken}):
        there = {part: used for (name, part), used in taken.items() if name == machine_name}
        for part, (percent, mib) in there.items():
            print(f"  {machine_name:<24}{part:<32}{percent:6.2f} % of a core {mib:7.1f} MiB")
        percent, mib = (sum(each) for each in zip(*there.values(), strict=True))
        print(f"  {machine_name:<24}{'all of it':<32}{percent:6.2f} % of a core {mib:7.1f} MiB")


def _print_rounds(found: list[Round]) -> None:
    for each in found:
        first, without, again, last = each.rps
        print(
            f"  with {first:8.1f}/s, without {without:8.1f}/s and {again:8.1f}/s, "
            f"with {last:8.1f}/s: {each.ratio:.3f}",
        )
    ratios = [each.ratio for each in found]
    low, middle, high = statistics.quantiles(ratios, n=4)
    noise = statistics.median(each.noise for each in found)
    print(
        f"Requests a second with watching to without: {middle:.3f} "
        f"(half of the rounds {low:.3f} to {high:.3f}); noise {noise:.3f}"
    )


if __name__ == "__main__":
    main()

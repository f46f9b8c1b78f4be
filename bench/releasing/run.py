"""Releases an application again and again while visitors use it: no request may fail.

    bench/release                           20 releases on this machine
    bench/release --releases 5 --json
    bench/release --cloud mycloud --releases 5 --image debian-12 --flavor m1.small

Visitors get and post, on kept and on new connections, and one waits 20 s for each answer. Every
release changes one line. The exit code is 1 when a request failed, or when a release is not what
visitors get afterwards. The stack is the measurement's own, and is deleted at the end.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from bench.own_stack import SKYTIER
from bench.releasing import project
from bench.releasing.visitors import visiting
from bench.speed import machine
from bench.speed.server import free_port
from skytier.errors import SkytierError

NAME = "bench-release"


def main() -> None:
    """Release, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="bench/release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--releases", type=int, default=20)
    parser.add_argument("--cloud", metavar="NAME", help="default: this machine")
    parser.add_argument("--image", help="of the machines, in that cloud")
    parser.add_argument("--flavor", help="of the machines, in that cloud")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with machine.telling("bench/release"), tempfile.TemporaryDirectory(prefix="sky") as directory:
        settings = {"image": arguments.image, "flavor": arguments.flavor}
        result = measure(Path(directory), arguments.releases, arguments.cloud, settings)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))
    sys.exit(bool(result["failed_requests"] or result["wrong_releases"]))


def measure(
    root: Path, releases: int, cloud: str | None, settings: Mapping[str, str | None]
) -> dict[str, Any]:
    """What came of so many releases, as figures by name."""
    root.chmod(0o711)  # PostgreSQL's user passes
    source = root / "shop"
    source.mkdir()
    project.write(source, NAME, settings)
    where = ("--cloud", cloud) if cloud else ()
    skytier = _Skytier(source, root / "home")
    try:
        first = ("--yes",) if cloud else ("--port", str(free_port()), "--no-monitor")
        url = skytier.run("up", *where, *first)["url"]
        seconds, wrong = [], 0
        with visiting(url) as seen:
            for version in range(1, releases + 1):
                project.change(source, version)
                began = time.monotonic()
                skytier.run("release", *where, "--yes")
                seconds.append(time.monotonic() - began)
                served = httpx.get(url, verify=False, timeout=60).text  # noqa: S501
                wrong += served != str(version)
                machine.say(f"release {version}: {seconds[-1]:.1f} s")
    finally:
        skytier.run("down", *where, "--yes", "--delete-data" if cloud else "--purge")
    return {
        "releases": releases,
        "requests": seen.requests,
        "failed_requests": seen.failed.total(),
        "wrong_releases": wrong,
        "seconds_per_release": round(statistics.median(seconds), 1),
        "slowest_release_s": round(max(seconds), 1),
        "slowest_answer_s": {name: round(s, 2) for name, s in seen.slowest.items()},
        "failures": dict(seen.failed),
    }


class _Skytier:
    """The command in the directory of a project."""

    def __init__(self, source: Path, home: Path) -> None:
        self._source = source
        self._environment = {**os.environ, "SKYTIER_HOME": str(home)}

    def run(self, *words: str) -> dict[str, Any]:
        """The last JSON object that it prints. Raises SkytierError with its output."""
        done = subprocess.run(
            [str(SKYTIER), *words, "--json"],
            check=False,
            cwd=self._source,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SkytierError(f"skytier {words[0]} failed:\n{done.stdout}{done.stderr}")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


if __name__ == "__main__":
    main()

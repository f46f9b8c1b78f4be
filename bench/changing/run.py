"""Changes and breaks a stack behind a balancer while visitors use it.

    bench/change
    bench/change --json
    bench/change --losses

The first stack is in containers of this machine (as root): the application has no database. Four
visitors ask by GET and by POST, each time on a new connection. The second one has two balancers and
three members of Redis, of which some are lost; with --losses it is the only one. For each change or
fault: how many requests there were, how many of them failed, and how long after its beginning the
last one failed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.balanced import PROJECT, stack, visitors
from tests.cluster.cluster import Cluster, cluster
from tests.project.trees import write_dedented

from bench.changing.losses import COUNTING, Losses, redundant
from bench.speed import machine
from skytier.poll import until

SETTLES_S = 5
"""How long visitors stay after a change."""
BACK_S = 60
"""Within this a web server is to get requests again."""


class Changes:
    """What is done to a stack, in its order."""

    def __init__(self, made: Cluster, project: Path) -> None:
        self.made, self.project = made, project

    def all(self) -> Mapping[str, Callable[[], None]]:
        """By their names."""
        return {
            "scale 1 to 3": lambda: self._scale(3),
            "release on three": self._release,
            "a web server's Nginx is killed": lambda: self._kill("nginx"),
            "a web server's application is killed": lambda: self._kill("skytier-app"),
            "a web server's machine falls silent": self._silence,
            "restart of the balancer": self._restart,
            "scale 3 to 1": lambda: self._scale(1),
        }

    def _scale(self, count: int) -> None:
        self.made.write(stack(self.project, count))
        self.made.up()

    def _release(self) -> None:
        path = self.project / "shop.py"
        path.write_text(f"{path.read_text()}\n# another release\n")
        self._scale(3)

    def _kill(self, unit: str) -> None:
        main = f"main=$(systemctl show --property=MainPID --value {unit})"
        self.made.containers["shop-web-2"].run(f"{main}; kill -KILL $main $(pgrep -P $main)")
        self._back()

    def _silence(self) -> None:
        name = self.made.containers["shop-web-2"].namespace
        link = ("ip", "-netns", name, "link", "set", "eth0")
        subprocess.run([*link, "down"], check=True)
        time.sleep(10)
        subprocess.run([*link, "up"], check=True)
        self._back()

    def _restart(self) -> None:
        self.made.containers["shop-balancer-1"].run("systemctl restart haproxy")
        self._back()

    def _back(self) -> None:
        if not until(lambda: not self.made.wrong(), BACK_S, every_s=1):
            raise RuntimeError(f"it is not well again: {self.made.wrong()}")


def main() -> None:
    """Do all of it, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="bench/change",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--losses", action="store_true")
    with machine.telling("bench/change"), tempfile.TemporaryDirectory(prefix="sky") as directory:
        arguments = parser.parse_args()
        root = Path(directory)
        result = measure_losses(root / "second")
        if not arguments.losses:
            result = {**measure_changes(root / "first"), **result}
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for name, each in result.items():
            print(
                f"{name}: {each['failed_requests']} of {each['requests']} requests failed; "
                f"{each['seconds_to_recover']} s"
            )


def measure_changes(root: Path) -> dict[str, dict[str, Any]]:
    """Change or fault to its figures."""
    project = write_dedented(root, PROJECT)
    with cluster(stack(project, 1), floats=True) as made:
        return measure(made, Changes(made, project).all())


def measure_losses(root: Path) -> dict[str, dict[str, Any]]:
    """Fault to its figures."""
    project = write_dedented(root, COUNTING)
    with cluster(redundant(project), floats=True) as made:
        return measure(made, Losses(made).all())


def measure(made: Cluster, changes: Mapping[str, Callable[[], None]]) -> dict[str, dict[str, Any]]:
    """Change or fault to its figures, one after another."""
    found = {}
    for name, change in changes.items():
        with visitors(made) as visit:
            began = time.time()
            change()
            time.sleep(SETTLES_S)
        ended = [each[1] for each in visit.failed]
        found[name] = {
            "requests": sum(visit.answers.values()) + len(visit.failed),
            "failed_requests": len(visit.failed),
            "seconds_to_recover": round(max(ended) - began, 2) if ended else 0,
            "failures": sorted({each[2] for each in visit.failed}),
        }
        print(f"{name}: {found[name]}", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()

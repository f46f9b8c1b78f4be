"""What releasing asks of a machine."""

from typing import Protocol

from skytier.release.target import Target
from skytier.roles.render import render_from


class Runner(Protocol):
    """A machine that runs bash scripts as root."""

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Run a script with `stdin` as its standard input, and return its standard output.

        Raises SkytierError, with the end of its standard error in `what`, when it exits non-zero.
        """


def target(machine: Runner) -> Target:
    """What a release for a machine has to be built for. Raises SkytierError when it cannot be."""
    return Target.parse(machine.run(script("target")))


def current(machine: Runner) -> str | None:
    """The id of the release that a machine is switched to."""
    return machine.run("readlink /opt/skytier/current || true").strip().rpartition("/")[2] or None


def script(name: str, **values: object) -> str:
    """The bash script `templates/NAME.sh`."""
    return render_from("skytier.release", f"{name}.sh", home="/opt/skytier", **values)

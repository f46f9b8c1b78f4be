"""What releasing asks of a machine."""

from typing import Protocol

from skytier.release.target import Target
from skytier.render import render


class Runner(Protocol):
    """A machine that runs bash scripts as root."""

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Run a script with `stdin` as its standard input, and return its standard output.

        Raises SkytierError, with the end of its standard error in `what`, when it exits non-zero.
        """


def target(machine: Runner) -> Target | None:
    """What a release for a machine has to be built for.

    None when it has no Python that is new enough yet: its set-up brings one. Raises SkytierError
    when it says something else.
    """
    said = machine.run(script("target")).strip()
    return Target.parse(said) if said else None


def current(machine: Runner) -> str | None:
    """The id of the release that a machine is switched to."""
    return machine.run("readlink /opt/skytier/current || true").strip().rpartition("/")[2] or None


def script(name: str, **values: object) -> str:
    """The bash script `templates/NAME.sh`."""
    return render("skytier.release", f"{name}.sh", home="/opt/skytier", **values)

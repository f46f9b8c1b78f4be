"""What releasing asks of a machine."""

from collections.abc import Sequence

from skytier.hosts.host import Host
from skytier.release import history
from skytier.release.history import Releases
from skytier.release.platform import Platform
from skytier.render import render


def target(host: Host) -> Platform | None:
    """What a release for a machine has to be built for.

    None when it has no Python that is new enough yet: its set-up brings one. Raises SkytierError
    when it says something else.
    """
    said = host.run(script("target")).strip()
    return Platform.parse(said) if said else None


def current(host: Host) -> str | None:
    """The id of the release that a machine is switched to."""
    return host.run("readlink /opt/skytier/current || true").strip().rpartition("/")[2] or None


def releases(host: Host) -> Releases:
    """What was released on a machine, and what of it is there."""
    log, _, kept = host.run(script("releases")).rpartition("kept ")
    return Releases(history.read(log), frozenset(kept.split()) - {"*"})


def note(host: Host, lines: Sequence[str]) -> None:
    """Append events to a machine's history."""
    text = "".join(f"{line}\n" for line in lines)
    host.run("cat >>/opt/skytier/history.jsonl", text.encode())


def unknown_migrations(host: Host, now: str, then: str) -> list[str]:
    """The migrations in one release that another one does not have: paths in the source."""
    return host.run(script("unknown-migrations", now=now, then=then)).split("\n")[:-1]


def script(name: str, **values: object) -> str:
    """The bash script `templates/NAME.sh`."""
    return render("skytier.release", f"{name}.sh", home="/opt/skytier", **values)

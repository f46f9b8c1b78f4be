"""Brings a release to machines: unpack, migrate once, switch one after another, tidy up."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.release import history
from skytier.release.build import Progress, Release
from skytier.release.history import NOBODY, Author
from skytier.release.machine import note, script
from skytier.services.application.service import HEALTH_TIMEOUT_S, LOOK_S

KEPT = 5


def unpack(host: Host, release: Release) -> None:
    """Put a release onto a machine, where nothing uses it yet. What is there is not sent again.

    Needs nothing of the machine's set-up but a Python. A half-unpacked one never has its name.
    Raises SkytierError when the bytes did not arrive.
    """
    trees = {"libraries": release.libraries, "releases": release.application}
    paths = [f"{place}/{tree.name}" for place, tree in trees.items()]
    missing = host.run(script("missing", paths=paths)).split()
    for place, tree in trees.items():
        if f"{place}/{tree.name}" in missing:
            values = {"place": place, "tree": tree.name, "sha256": tree.sha256}
            host.run(script("unpack", **values), tree.archive.read_bytes())


def give_variables(host: Host, release: str, variables: str) -> None:
    """Give an unpacked release the operator's secret variables: `{"NAME": "BASE64"}` as JSON.

    Only root can read them on the machine.
    """
    host.run(script("variables", release=release), variables.encode())


def migrate(host: Host, release: str) -> str:
    """Bring the database to a release's schema, and return the revision. Once for all machines.

    It is safe to run at any time; several at once wait for each other. The schema has to suit the
    release before too: that one goes on until the switch. Raises SkytierError with what the
    migration said.
    """
    return host.run(script("migrate", release=release)).strip()


@dataclass(frozen=True)
class Lines:
    """What is written into a machine's history; empty for nothing."""

    healthy: str = ""
    failed: str = ""

    @classmethod
    def of(cls, release: str) -> "Lines":
        """Those of a release that has begun."""
        return cls(
            history.ended(release, healthy=True),
            history.ended(release, healthy=False),
        )


NO_LINES = Lines()


def activate(
    host: Host,
    release: str,
    lines: Lines = NO_LINES,
    *,
    timeout_s: int = HEALTH_TIMEOUT_S,
    progress: Progress = lambda _: None,
) -> bool:
    """Switch a machine to an unpacked release.

    It is tried in a second process first, where no visitor comes. That one serves while the first
    process is restarted. When one of them is not healthy within `timeout_s`, or ends again and
    again, the machine has the release before, and SkytierError has the application's last log
    lines. Where no release serves, and with a systemd before 247, there is no second process.
    Returns False when it was the machine's release already, and healthy. `progress` is told of what
    still finishes its work.
    """
    values = {"release": release, "timeout_s": timeout_s, "look_s": LOOK_S, **asdict(lines)}
    said = host.run(script("activate", **values))
    *told, last = said.strip().splitlines()
    for line in told:
        progress(line)
    return last != "unchanged"


def carry(source: Host, target: Host, release: str) -> None:
    """Bring a release from one machine to another that does not have it."""
    libraries = source.run(script("libraries", release=release)).strip()
    for place, name in (("libraries", libraries), ("releases", release)):
        path = f"{place}/{name}"
        if target.run(script("missing", paths=[path])).strip():
            archive = base64.b64decode(source.run(script("carried", path=path)))
            values = {"place": place, "tree": name, "sha256": sha256(archive).hexdigest()}
            target.run(script("unpack", **values), archive)


def prune(host: Host, *, keep: int = KEPT) -> list[str]:
    """Delete all but the `keep` releases that were used last. Returns the ids of the deleted."""
    return host.run(script("prune", keep=keep)).split()


def ship(
    hosts: Mapping[str, Host],
    release: Release,
    *,
    author: Author = NOBODY,
    variables: str = "{}\n",
    migrates: bool = True,
    progress: Progress = lambda _: None,
    timeout_s: int = HEALTH_TIMEOUT_S,
) -> dict[str, bool]:
    """Bring a release to machines, by name: whether each of them was changed.

    `author` is noted in the machines' histories. `variables` are the operator's secret variables:
    `{"NAME": "BASE64"}` as JSON. `migrates` is whether the database is brought to its schema before
    the first switch.

    All have it before the first is switched. When a machine is not healthy with it, it gets the
    release before, and the rest are left as they are.

    >>> ship({"shop-web-1": host}, release)  # doctest: +SKIP
    {'shop-web-1': True}
    """
    for name, host in hosts.items():
        progress(f"sending {release.id} to {name}")
        unpack(host, release)
        give_variables(host, release.id, variables)
    changed: dict[str, bool] = {}
    for name, host in hosts.items():
        begun = host.run(
            script("begin", release=release.id, begun=history.begun(release.id, author))
        )
        lines = Lines.of(release.id) if begun else NO_LINES
        if migrates and not changed:
            try:
                progress("migrating the database")
                migrate(host, release.id)
            except SkytierError:
                note(host, [lines.failed] if begun else [])
                raise
        progress(f"switching {name} to {release.id}")
        changed[name] = activate(*(host, release.id, lines), timeout_s=timeout_s, progress=progress)
        prune(host)
    return changed

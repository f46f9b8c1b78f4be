"""Brings a release to machines: unpack, migrate once, switch one after another, tidy up."""

from collections.abc import Mapping

from skytier.hosts.host import Host
from skytier.release.build import Progress, Release
from skytier.release.machine import script

HEALTH_TIMEOUT_S = 180
"""How long a new release may take until it is healthy: a busy machine without hardware
virtualisation was seen to need up to 110 s, an ordinary one needs 3."""
KEPT = 3


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


def migrate(host: Host, release: str) -> str:
    """Bring the database to a release's schema, and return the revision. Once for all machines.

    It is safe to run at any time; several at once wait for each other. The schema has to suit the
    release before too: that one goes on until the switch. Raises SkytierError with what the
    migration said.
    """
    return host.run(script("migrate", release=release)).strip()


def activate(host: Host, release: str, *, timeout_s: int = HEALTH_TIMEOUT_S) -> bool:
    """Switch a machine to an unpacked release, and wait until it is healthy.

    When it is not within `timeout_s`, or ends again and again, the machine is switched back, and
    SkytierError has the application's last log lines. Returns False when it was the machine's
    release already, and healthy.
    """
    said = host.run(script("activate", release=release, timeout_s=timeout_s))
    return said.strip().splitlines()[-1:] != ["unchanged"]


def prune(host: Host, *, keep: int = KEPT) -> list[str]:
    """Delete all but the `keep` releases that were used last. Returns the ids of the deleted."""
    return host.run(script("prune", keep=keep)).split()


def ship(
    hosts: Mapping[str, Host],
    release: Release,
    *,
    migrates: bool = True,
    progress: Progress = lambda _: None,
    timeout_s: int = HEALTH_TIMEOUT_S,
) -> dict[str, bool]:
    """Bring a release to machines, by name: whether each of them was changed.

    `migrates` is whether the database is brought to its schema before the first switch.

    All have it before the first is switched. When one is not healthy with it, that one is
    switched back and the rest are left as they are.

    >>> ship({"shop-web-1": host}, release)  # doctest: +SKIP
    {'shop-web-1': True}
    """
    for name, host in hosts.items():
        progress(f"sending {release.id} to {name}")
        unpack(host, release)
    changed: dict[str, bool] = {}
    for name, host in hosts.items():
        if migrates and not changed:
            progress("migrating the database")
            migrate(host, release.id)
        progress(f"switching {name} to {release.id}")
        changed[name] = activate(host, release.id, timeout_s=timeout_s)
        prune(host)
    return changed

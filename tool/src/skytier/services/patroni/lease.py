"""The lease of the primary, which Patroni keeps in etcd: who has it, and its end before its time.

A primary whose machine is gone has it for up to 20 s more, and no other member is elected as long.
Whoever ends it has to know that the machine does not run. Who is elected is Patroni's to decide.
"""

import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.render import render
from skytier.services.etcd import service as etcd
from skytier.services.patroni.members import Members, paused
from skytier.services.patroni.service import CONFIG, PACKAGE, PORT

_SCRIPT = render(
    PACKAGE,
    "lease.sh",
    ask=render(etcd.PACKAGE, "_etcdctl.sh", etc=etcd.ETC, clients=etcd.CLIENTS),
    config=CONFIG,
    port=PORT,
    clients=etcd.CLIENTS,
)


@dataclass(frozen=True)
class Lease:
    """What etcd has of it."""

    holder: str
    """The machine that has it (`shop-database-1`); empty where none has it."""
    complete: Collection[str] | None
    """The other members that have all that was acknowledged, which alone are elected; None where
    that is not kept: then each one may be."""
    paused: bool
    """Whether Patroni is told to do nothing: then nobody is elected."""


def lease(host: Host) -> Lease:
    """What etcd has, asked on the machine of a member. Raises SkytierError."""
    return read(json.loads(host.run(_SCRIPT)))


def read(told: Mapping[str, object]) -> Lease:
    """The lease by Patroni's keys `leader`, `sync` and `config`; null for one that is not there."""
    sync, config = (
        value if isinstance(value := told[key], dict) else {} for key in ("sync", "config")
    )
    holder, complete = str(told["leader"]), None
    if config.get("synchronous_mode") and sync.get("leader"):
        names = {sync["leader"], *(sync.get("sync_standby") or "").split(",")}
        complete = sorted(names - {"", holder})
    return Lease(holder, complete, bool(config.get("pause")))


def heirs(found: Lease, members: Members) -> list[str]:
    """The members that are well and may be elected once the lease has ended.

    Raises SkytierError where there is none: then the lease had better stay.
    """
    if found.paused:
        raise paused(members)
    able = [
        each.machine
        for each in members.members
        if each.role != "primary" and each.state in ("running", "streaming")
        if each.machine != found.holder
        if found.complete is None or each.machine in found.complete
    ]
    if not able:
        complete = "" if found.complete is None else " and has all acknowledged writes"
        raise SkytierError(
            f"No other member of the database is healthy{complete}: none would take over. "
            "Nothing was changed.",
            "See what is wrong with the others: skytier database, skytier status. What is off is "
            "started by skytier up.",
        )
    return able


def end(host: Host, holder: str) -> bool:
    """End the lease that a machine has, on the machine of another member; Patroni elects at once.

    Returns whether it still had it. Raises SkytierError.
    """
    return host.run(f"set -- {shlex.quote(holder)}\n{_SCRIPT}").strip() == "yes"

"""Servers, deleted ones too, as stretches of their lives."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import ForbiddenException

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.choices.choices import offered_flavors
from skytier.openstack.resources.project import marks
from skytier.openstack.resources.server import FLAVOR
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import Collected, Window, listed, moment
from skytier.openstack.usages.life import ServerAction, Size, Stretch, stretches
from skytier.openstack.usages.nova import Nova
from skytier.openstack.usages.owner import Owner

AT_ONCE = 8
REFUSED = (
    "The cloud refuses its usage API (os-simple-tenant-usage): servers are counted from Nova's "
    "lists, which have deleted ones only for as long as the cloud keeps them."
)


@dataclass(frozen=True)
class Server:
    """What Nova has of one; `used` is of its usage API, `listed` of its lists."""

    id: str
    used: Mapping[str, Any] | None
    listed: Any | None
    actions: Sequence[ServerAction] | None = None
    """The newest first."""

    @property
    def name(self) -> str:
        """The one it has, or had last."""
        return str(self.used["name"] if self.used else self.listed and self.listed.name)

    @property
    def launched_at(self) -> datetime | None:
        """None for what never ran."""
        text = self.used["started_at"] if self.used else self.listed and self.listed.launched_at
        return moment(text) if text else None

    @property
    def ended_at(self) -> datetime | None:
        """None for what is still there."""
        text = self.used["ended_at"] if self.used else self.listed and self.listed.terminated_at
        return moment(text) if text else None

    @property
    def size(self) -> Size:
        """Of the flavor that it has, or had last."""
        if self.used:
            has = self.used
            return Size(has["flavor"], has["vcpus"], has["memory_mb"], has["local_gb"])
        flavor = self.listed.flavor  # type: ignore[union-attr]  # one of the two is there
        disk = (flavor.disk or 0) + (flavor.ephemeral or 0)
        return Size(flavor.original_name or flavor.name or "", flavor.vcpus, flavor.ram, disk)

    @property
    def first_flavor(self) -> str:
        """The one it was created with, where it says so: servers of a stack do."""
        return self._told.get(FLAVOR) or self._carried.get(FLAVOR, "")

    @property
    def owner(self) -> Owner:
        """By its metadata; when it is deleted by its description, else its key pair."""
        carried = owner.of_metadata(self._carried, self.name)
        if carried != Owner() or self.listed is None:
            return carried
        return owner.of_key_pair(self.listed.key_name or "", self.name)

    @property
    def _carried(self) -> Mapping[str, str]:
        """Its metadata; its description has the same when it is deleted."""
        return {**self._told, **((self.listed and self.listed.metadata) or {})}

    @property
    def _told(self) -> Mapping[str, str]:
        return marks(((self.listed and self.listed.description) or "").split(","))

    def life(self, now: datetime, sizes: Mapping[str, Size]) -> list[Stretch]:
        """Its stretches until now. `sizes` has what is known of flavors by name."""
        if self.launched_at is None:
            return []
        ended, done = self.ended_at or now, self.actions
        if done is None:
            state = (self.listed.vm_state if self.listed else "") or "active"
            state = "active" if state == "deleted" else state
            return [Stretch(self.launched_at, ended, state, self.size)]
        if self.listed and self.listed.task_state:
            # Nova is still at the newest, which has changed nothing yet.
            done = done[1:]
        first = sizes.get(self.first_flavor)
        return stretches(self.launched_at, ended, self.size, done, first)


def collect(connection: Connection, window: Window) -> Collected:
    """Every server of the project that ran in the window."""
    nova, notes = Nova(connection), []
    try:
        used = nova.used(window)
    except ForbiddenException:
        used = {}
        notes.append(REFUSED)
    there = nova.listed(window)
    ids = list(dict.fromkeys([*used, *there]))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        actions = pool.map(nova.actions, ids)
        servers = [
            Server(each, used.get(each), there.get(each), done)
            for each, done in zip(ids, actions, strict=True)
        ]
    sizes = [
        Size(each.name, each.vcpus, each.ram_mib, each.disk_gib)
        for each in offered_flavors(connection)
    ]
    return usages(servers, window, sizes, notes)


def usages(
    servers: Sequence[Server], window: Window, offered: Iterable[Size], notes: Iterable[str] = ()
) -> Collected:
    """What Nova told as usages, with what it could not tell. `offered` are flavors."""
    sizes = {size.flavor: size for size in offered}
    found, guessed, silent, ownerless = [], set(), set(), set()
    for server in servers:
        life, whose = server.life(window.end, sizes), server.owner
        used = window.clip(_usage(server, whose, stretch) for stretch in life)
        found += used
        if not used:
            continue
        if any(stretch.guessed for stretch in life):
            guessed.add(server.name)
        if server.actions is None:
            silent.add(server.name)
        if server.listed is None:
            ownerless.add(server.name)
    said = [
        ("were resized and nobody tells their flavor before: it counts as the one since", guessed),
        ("have no history: they count as they were last, ever since their launch", silent),
        ("are deleted and nobody tells whose they were: they count as of no stack", ownerless),
    ]
    told = [f"Servers that {what}: {listed(names)}." for what, names in said if names]
    return Collected(found, [*notes, *told])


def _usage(server: Server, whose: Owner, stretch: Stretch) -> Usage:
    return Usage(
        kind=ResourceKind.SERVER,
        id=server.id,
        start=stretch.start,
        end=stretch.end,
        name=server.name,
        stack=whose.stack,
        role=whose.role,
        labels=whose.labels,
        state=stretch.state,
        flavor=stretch.size.flavor,
        vcpus=stretch.size.vcpus,
        ram_mib=stretch.size.ram_mib,
        disk_gib=stretch.size.disk_gib,
    )

"""Servers."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.baked_image import BAKES
from skytier.openstack.resources.interface import NOTE, PUBLIC_PORT, attached, note_of
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.mending import fault_of, mended
from skytier.openstack.resources.project import PREFIX, ROLE, Project, marks
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.running import at_rest, awake, become, get, started
from skytier.openstack.resources.server_state import state_of
from skytier.openstack.resources.waiting import wait_for

GONE_TIMEOUT_S = 300.0
IMAGE, FLAVOR, NUMBER, ROOT_GIB = (
    f"{PREFIX}{name}" for name in ("image", "flavor", "number", "root-gib")
)
PUBLIC_KEY = f"{PREFIX}public-key"
"""The key in its metadata that says which SSH key it lets in, for every user of the project."""
RUNNING = "running"
ATTACHED, DETACHED = "attached", "detached"
RESIZED = "VERIFY_RESIZE"


class Server(Listed):
    """A machine. What it is made of is pinned in its metadata when it is created.

    One in ERROR that ran before is mended by a hard reboot, so that its disk stays. What its states
    mean is in `server_state`.

    `attributes`: image and flavor (names), root_gib (of the volume that it boots from, 0 for none),
    power (`running`), interface (ATTACHED; `find` does not look whether it is), metadata (the mark
    and the labels).
    `creation`: image_id, flavor_id, disk_gib (the flavor's), root_type and root_zone (of
    that volume), key_name, port (a Key), public_port (a Key; its first interface), config_drive
    (whether it gets its settings by one), user_data, role, number, zone, group (the Key of a server
    group).
    `facts`: status, image_id, vcpus, ram_mib, disk_gib, launched_at, addresses (those that
    Nova has noted), volumes (ids of those that it has), metadata, role, number, zone.
    """

    name = "server"
    fixed = frozenset({"image", "root_gib"})

    def __init__(self, project: Project, roots: RootVolume | None = None) -> None:
        """`roots` makes the volumes that new servers boot from."""
        self._project = project
        self._roots = roots
        self._compute = project.connection.compute
        self.lists = project.servers

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """All servers of the stack but those that images are baked from."""
        for server in listed:
            if BAKES not in server.metadata:
                yield self._found(server)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request, with a root volume that is made before; Nova builds it in its own time."""
        creation = known.creation(wanted)
        root_gib = wanted.attributes["root_gib"]
        metadata = {
            **self._project.metadata,
            IMAGE: wanted.attributes["image"],
            FLAVOR: wanted.attributes["flavor"],
            ROLE: creation["role"],
            NUMBER: str(creation["number"]),
            **({PUBLIC_KEY: key} if (key := public_key_of(creation["key_name"], known)) else {}),
            **({ROOT_GIB: str(root_gib)} if root_gib else {}),
            **({NOTE: note} if (note := note_of(known.get(Key("port", wanted.key.name)))) else {}),
            **({PUBLIC_PORT: public} if (public := creation.get("public_port")) else {}),
        }
        server = self._compute.create_server(
            name=wanted.key.name,
            **self._disk(wanted.key.name, creation, root_gib),
            flavor_id=creation["flavor_id"],
            key_name=creation["key_name"],
            networks=[{"port": each} for each in _ports(creation)],
            metadata=metadata,
            description=self._project.told(
                role=creation["role"], flavor=wanted.attributes["flavor"]
            ),
            user_data=base64.b64encode(creation["user_data"].encode()).decode(),
            **({"has_config_drive": True} if creation.get("config_drive") else {}),
            **({"availability_zone": zone} if (zone := creation.get("zone")) else {}),
            **({"scheduler_hints": {"group": group}} if (group := creation.get("group")) else {}),
        )
        # The answer to a creation has little more than the id; `reconcile` asks for the rest.
        return Found(wanted.key, server.id, known.attributes(wanted))

    def _disk(self, name: str, creation: dict[str, Any], root_gib: int) -> dict[str, Any]:
        """What of the request says where the server boots from."""
        if not root_gib:
            return {"image_id": creation["image_id"]}
        assert self._roots is not None  # noqa: S101  # whoever creates servers has them
        volume = self._roots.ready(name, {**creation, "root_gib": root_gib}, lambda text: None)
        mapping = {
            "boot_index": 0,
            "uuid": volume,
            "source_type": "volume",
            "destination_type": "volume",
            "delete_on_termination": True,
        }
        return {"block_device_mapping": [mapping]}

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its labels, its port, its flavor; and it runs."""
        server = self._compute.get_server(found.id)
        changed = self._describe(server)
        note = note_of(known.get(Key("port", wanted.key.name)))
        if note and server.metadata.get(NOTE) != note:
            self._compute.set_server_metadata(server.id, **{NOTE: note})
            changed = True
        if changed:  # that is not all there in what openstacksdk makes of the answers
            server = self._compute.get_server(found.id)
        server = mended(self._compute, server, tell)
        server = awake(self._compute, at_rest(self._compute, server, tell), tell)
        if found.attributes.get("interface") == DETACHED:
            server = self._attached(wanted, server, known, tell)
        server = self._resized(wanted, at_rest(self._compute, server, tell), tell)
        if server.status == "SHUTOFF":
            server = started(self._compute, server, "start_server", "it is started", tell)
        if server.status != "ACTIVE":
            raise SkytierError(
                f"The server {server.name} is {server.status}, and Skytier does not know how to go "
                "on from there.",
                f"See what holds it: openstack server show {server.id}",
            )
        return self._found(server)

    def delete(self, found: Found, tell: Tell) -> None:
        """Its port stays, and can be used again."""
        self._compute.delete_server(found.id, ignore_missing=True)

        def gone() -> bool:
            tell("deleting")
            return get(self._compute, found.id) is None

        wait_for(
            f"The server {found.key.name} was not deleted",
            gone,
            GONE_TIMEOUT_S,
            "Nova has been told to delete it. Run it again to go on waiting, or ask the cloud's "
            f"operator: openstack server show {found.id}",
        )

    def note(self, server_id: str, metadata: dict[str, str]) -> None:
        """Write down something about a server where every operator finds it."""
        self._compute.set_server_metadata(server_id, **metadata)

    def _attached(self, wanted: Wanted, server: Any, known: Known, tell: Tell) -> Any:
        """The server with all its ports, of which the public one may be another than before."""
        ports = _ports(known.creation(wanted))
        if len(ports) > 1:
            self._compute.set_server_metadata(server.id, **{PUBLIC_PORT: ports[0]})
        return attached(self._project.connection, server, ports, tell)

    def _describe(self, server: Any) -> bool:
        """Bring its labels up to date, in its metadata and in its description.

        Returns whether something was changed.
        """
        has = dict(server.metadata)
        wanted = self._project.metadata
        missing = {name: value for name, value in wanted.items() if has.get(name) != value}
        if missing:
            self._compute.set_server_metadata(server.id, **missing)
        gone = [n for n in has if n.startswith(f"{PREFIX}label:") and n not in wanted]
        if gone:
            self._compute.delete_server_metadata(server.id, gone)
        # The flavor that it was created with stays there when it is resized: bills go by it.
        first = marks((server.description or "").split(",")).get(FLAVOR) or has.get(FLAVOR, "")
        told = self._project.told(role=has.get(ROLE, ""), flavor=first)
        if server.description != told:
            self._compute.update_server(server.id, description=told)
        return bool(missing or gone) or server.description != told

    def _resized(self, wanted: Wanted, server: Any, tell: Tell) -> Any:
        """The server with its wanted flavor. A resize that was interrupted is gone on with."""
        if server.metadata.get(FLAVOR) == wanted.attributes["flavor"] and server.status != RESIZED:
            return server
        if server.status != RESIZED and not _has_flavor(server, wanted):
            if ROOT_GIB not in server.metadata:
                refuse_smaller_disk(wanted, server.flavor.disk or 0)
            tell("resizing")
            self._compute.resize_server(server, wanted.creation["flavor_id"])
            server = at_rest(self._compute, self._compute.get_server(server.id), tell)
        if server.status == RESIZED:
            self._compute.confirm_server_resize(server)
            # One that was off stays off, and is started below like any other.
            server = become(self._compute, ["ACTIVE", "SHUTOFF"], server, tell)
        if not _has_flavor(server, wanted):
            raise SkytierError(
                f"Nova did not resize the server {server.name} to "
                f"{wanted.attributes['flavor']}: it is as it was before.",
                f"See why: openstack server event list {server.id}. Often no host has the room.",
            )
        flavor = {FLAVOR: wanted.attributes["flavor"]}
        self._compute.set_server_metadata(server.id, **flavor)
        return self._compute.get_server(server.id)

    def _found(self, server: Any) -> Found:
        metadata = dict(server.metadata or {})
        state = state_of(
            *(server.id, server.status, datetime.now(UTC)),
            task=server.task_state,
            created_at=server.created_at,
            launched_at=server.launched_at,
            reason=fault_of(server),
        )
        running = server.status == "ACTIVE"
        labels = {
            name: value
            for name, value in metadata.items()
            if name in self._project.metadata or name.startswith(f"{PREFIX}label:")
        }
        return Found(
            Key(self.name, server.name),
            server.id,
            {
                "image": metadata.get(IMAGE, ""),
                "flavor": metadata.get(FLAVOR, ""),
                "root_gib": int(metadata.get(ROOT_GIB) or 0),
                "power": RUNNING if running else (server.status or "build").lower(),
                "interface": ATTACHED,
                "metadata": labels,
            },
            {
                "status": server.status,
                "image_id": (server.image or {}).get("id"),
                "vcpus": server.flavor.vcpus or 0,
                "ram_mib": server.flavor.ram or 0,
                "disk_gib": server.flavor.disk or 0,
                "launched_at": server.launched_at,
                "addresses": [
                    each["addr"] for listed in (server.addresses or {}).values() for each in listed
                ],
                "volumes": [each["id"] for each in server.attached_volumes or []],
                "metadata": metadata,
                "role": metadata.get(ROLE, ""),
                "number": int(metadata.get(NUMBER) or 0),
                "zone": server.availability_zone or "",
            },
            **asdict(state),
            created_at=server.created_at or "",
        )


def refuse_smaller_disk(wanted: Wanted, disk_gib: int) -> None:
    """Raises SkytierError where a server that boots from its own disk, of `disk_gib`, is to have a
    flavor with a smaller one. 0 says nothing: the cloud does not tell, or it is the image's."""
    then = wanted.creation["disk_gib"]
    if then >= disk_gib:
        return
    role = wanted.creation["role"]
    raise SkytierError(
        f"The server {wanted.key.name} has a disk of {disk_gib} GiB, and the flavor "
        f"{wanted.attributes['flavor']} one of {then} GiB: Nova makes no disk smaller.",
        "Name a flavor with a disk at least as large."
        # With that key the server is made anew.
        + ("" if wanted.protected else f" Or have it boot from a volume: {role}.root_gib."),
    )


def public_key_of(key_pair: str, known: Known) -> str:
    """The public key of a key pair by its name; empty where it is not known."""
    found = known.get(Key("key pair", key_pair))
    return str(found.facts.get("public_key", "")) if found else ""


def _ports(creation: Mapping[str, Any]) -> list[str]:
    """The public one, where there is one, and the private one: where software that Skytier does not
    know has the network, the first interface has the way out."""
    return [each for name in ("public_port", "port") if (each := creation.get(name))]


def _has_flavor(server: Any, wanted: Wanted) -> bool:
    # Old versions of the API tell the id, new ones the name.
    names = (server.flavor.original_name, server.flavor.id)
    return wanted.attributes["flavor"] in names or wanted.creation["flavor_id"] in names

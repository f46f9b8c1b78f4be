"""Which server a volume is attached to."""

from collections.abc import Iterable
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.interface import rebooted
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.volume import (
    CONFIGURED,
    DATA,
    DATA_ID,
    EXPECTED,
    KEPT,
    Volume,
    servers_of,
)


class VolumeAttachment(Listed):
    """`attributes`: volume and server (Keys). Its name is the volume's.

    It ends with its server, and the volume stays.
    """

    name = "volume attachment"
    fixed = frozenset({"volume", "server"})

    def __init__(self, project: Project, volumes: Volume) -> None:
        self._compute = project.connection.compute
        self._volumes = volumes
        self.lists = volumes.all_marked

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Those of the stack's volumes, whoever's the server is."""
        for volume in self._volumes.among(listed):
            for server in volume.facts["servers"]:
                yield self._found(volume.key.name, volume.id, server)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Attach it, once what had it before has let go. One that is attached already is taken."""
        ids = known.attributes(wanted)
        volume = self._volumes.at_rest(ids["volume"], lambda text: None)
        if ids["server"] not in (servers := servers_of(volume)):
            if servers:
                raise _held(wanted.key, servers[0])
            if not volume.metadata.get(DATA):
                self._volumes.note(volume.id, {DATA: EXPECTED})
            self._compute.create_volume_attachment(ids["server"], volume_id=volume.id)
            if _had_it(known[wanted.attributes["server"]], volume):
                self._mounted_again(ids["volume"], ids["server"])
        return self._found(wanted.key.name, ids["volume"], ids["server"])

    def _mounted_again(self, volume_id: str, server_id: str) -> None:
        """A server that had its data on it before mounts it as it boots."""
        silent: Tell = lambda text: None  # noqa: E731
        self._volumes.at_rest(volume_id, silent)
        rebooted(self._compute, self._compute.get_server(server_id), silent)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Nova has attached it."""
        ids = known.attributes(wanted)
        volume = self._volumes.at_rest(ids["volume"], tell)
        if ids["server"] not in servers_of(volume):
            raise SkytierError(
                f"Nova did not attach the volume {volume.name} to the server {ids['server']}.",
                f"See why: openstack server event list {ids['server']}. Then run skytier up again.",
            )
        return self._found(wanted.key.name, ids["volume"], ids["server"])

    def delete(self, found: Found, tell: Tell) -> None:
        """It is never taken from a server: the stack's own one lets go when it is deleted."""
        raise _held(found.key, found.attributes["server"])

    def _found(self, name: str, volume_id: str, server_id: str) -> Found:
        attributes = {"volume": volume_id, "server": server_id}
        return Found(Key(self.name, name), f"{volume_id} {server_id}", attributes)


def _had_it(server: Found, volume: Any) -> bool:
    """Whether a server had its data on a volume before."""
    noted = server.facts.get("metadata", {})
    kept = (volume.metadata or {}).get(DATA) == KEPT
    return noted.get(DATA_ID) == volume.id or (kept and CONFIGURED in noted)


def _held(key: Key, server: str) -> SkytierError:
    return SkytierError(
        f"The volume {key.name} is attached to the server {server}, which is not the one that "
        "this stack has for it.",
        detach_there(key.name, server),
    )


def detach_there(volume: str, server: str) -> str:
    """What to do about a volume that a server of others has."""
    return (
        f"Detach it there, if nobody needs it: openstack server remove volume {server} {volume}. "
        "Is there no such server any more? Then the cloud's operator can end the attachment."
    )

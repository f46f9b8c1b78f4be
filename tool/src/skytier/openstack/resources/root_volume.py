"""Volumes that servers boot from. Each lives and dies with its server."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.project import PREFIX, ROLE, Project
from skytier.openstack.resources.volume import ROOT, Volume, servers_of

IMAGE_ID = f"{PREFIX}image-id"
NEW, USED = "new", "used"
"""The values of ROOT: no server was ever asked to boot from it; one was."""
COPIED_TIMEOUT_S = 900.0
"""How long Cinder may take to copy the image to a volume."""
_SUFFIX = "-root"
_UNDER_WAY = frozenset({"creating", "downloading", "available"})


class RootVolume(Listed):
    """`attributes`: size_gib, metadata (the mark and the labels). `creation`: role, type, zone.

    Its key has the name of its server. `create` and `delete` of the server make and delete it: so a
    server that is made anew never boots from an old disk. Nova deletes it with the server; what a
    killed run leaves is deleted by `delete`.
    """

    name = "root volume"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project, volumes: Volume) -> None:
        self._project = project
        self._volumes = volumes
        self.lists = volumes.all_marked

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Those volumes of the stack that servers boot from."""
        for volume in listed:
            if ROOT in volume.metadata:
                yield self._found(volume)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The one that the server boots from."""
        server = known[Key("server", wanted.key.name)].id
        for volume in self._roots():
            if server in servers_of(volume):
                return self._found(volume)
        raise SkytierError(
            f"The server {wanted.key.name} has no root volume with the stack's mark.",
            f"See what it boots from: openstack server show {server}",
        )

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its labels."""
        return self._found(self._volumes.labelled(self._volumes.at_rest(found.id, tell)))

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete one that no server has, or see that it goes with its server."""
        self._volumes.delete(found, tell)

    def ready(self, name: str, creation: Mapping[str, Any], tell: Tell) -> str:
        """The id of a volume that was made of the image, and that no server ever had.

        `creation` is that of the server. What a killed run has begun is gone on with; others that
        no server has are deleted.
        """
        fits, others = None, []
        for volume in self._roots():
            if self._key(volume).name != name or servers_of(volume):
                continue
            if fits is None and self._fits(volume, creation):
                fits = volume
            else:
                others.append(volume)
        for volume in others:
            self._volumes.delete(self._found(volume), tell)
        made = fits or self._make(name, creation)
        self._volumes.at_rest(made.id, tell, timeout_s=COPIED_TIMEOUT_S)
        # Before Nova is asked: one of which nobody knows whether it was used is not used again.
        self._volumes.note(made.id, {ROOT: USED})
        return str(made.id)

    def _make(self, name: str, creation: Mapping[str, Any]) -> Any:
        metadata = {
            **self._project.metadata,
            ROLE: creation["role"],
            ROOT: NEW,
            IMAGE_ID: creation["image_id"],
        }
        return self._project.connection.block_storage.create_volume(
            name=f"{name}{_SUFFIX}",
            size=creation["root_gib"],
            image_id=creation["image_id"],
            metadata=metadata,
            **({"volume_type": kind} if (kind := creation.get("root_type")) else {}),
            **({"availability_zone": zone} if (zone := creation.get("root_zone")) else {}),
        )

    def _fits(self, volume: Any, creation: Mapping[str, Any]) -> bool:
        return (
            volume.status in _UNDER_WAY
            and volume.metadata[ROOT] == NEW
            and volume.metadata.get(IMAGE_ID) == creation["image_id"]
            and volume.size == creation["root_gib"]
            and creation.get("root_type") in (None, volume.volume_type)
            and creation.get("root_zone") in (None, volume.availability_zone)
        )

    def _roots(self) -> list[Any]:
        return [each for each in self._volumes.all_marked() if ROOT in each.metadata]

    def _key(self, volume: Any) -> Key:
        return Key(self.name, (volume.name or "").removesuffix(_SUFFIX))

    def _found(self, volume: Any) -> Found:
        found = self._volumes.found(volume)
        left = volume.status == "available" and not servers_of(volume)
        # So that of two the one counts that a server has.
        fault = found.fault or ("no server has it" if left else "")
        return replace(found, key=self._key(volume), fault=fault)

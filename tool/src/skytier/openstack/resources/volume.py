"""Volumes of Cinder, which keep a machine's data when the machine goes."""

from collections.abc import Iterable, Mapping
from typing import Any

from openstack.exceptions import HttpException, NotFoundException, raise_from_response

from skytier.deploy.kind import Found, Key, Known, Tell, UnseenError, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.project import PREFIX, ROLE, Project
from skytier.openstack.resources.waiting import wait_for

ROOT = f"{PREFIX}root"
"""The key in its metadata that says that a server boots from it."""
DATA = f"{PREFIX}data"
"""The key in its metadata that says whether there is something to lose."""
POSTGRESQL = f"{PREFIX}postgresql"
"""The key in its metadata that says which major version of PostgreSQL its data is of."""
DATA_ID = f"{PREFIX}volume"
"""The key in a server's metadata that says which volume has its data, in case it is gone."""
CONFIGURED = f"{PREFIX}configuration"
"""The key in a server's metadata that says that it was set up, and how."""
EXPECTED, KEPT = "expected", "kept"
"""It was given to a machine; the machine has all its data on it."""
AT_REST_TIMEOUT_S = 300.0
_ASK = (
    "Its data is left as it is. See why: openstack volume message list --resource-uuid {}. The "
    "cloud's operator can repair it. Then run skytier up again."
)
_RESTING = frozenset({"available", "in-use"})
_EXTENDS_IN_USE = "3.42"
"""The microversion since which a volume grows while a server has it."""


class Volume(Listed):
    """`attributes`: size_gib, metadata (the mark and the labels). `creation`: role, type, zone.

    `facts`: status, servers (the ids of those that have it), data (EXPECTED, KEPT or empty),
    postgresql (the version of its data, where it is noted), role, type, zone.
    """

    name = "volume"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project, there: bool) -> None:
        """`there` is whether the cloud has Cinder at all."""
        self._project = project
        self._there = there
        self.lists = self.all_marked

    @property
    def _cinder(self) -> Any:
        # Asked for late: openstacksdk has none where the catalog has none.
        return self._project.connection.block_storage

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """All volumes of the stack but those that servers boot from."""
        for volume in listed:
            if ROOT not in volume.metadata:
                yield self.found(volume)

    def all_marked(self) -> list[Any]:
        """All volumes with the mark, by one list of Cinder's; none where there is no Cinder.

        Raises UnseenError when this project may not list them.
        """
        if not self._there:
            return []
        try:
            volumes = list(self._cinder.volumes(details=True))
        except HttpException as error:
            if error.status_code in (403, 404):
                raise UnseenError(
                    "The stack's volumes could not be listed: the cloud has Cinder, and Cinder "
                    f"answers {error.status_code}.",
                    "Ask the cloud's operator which role may list volumes in this project.",
                ) from error
            raise
        return [each for each in volumes if self._project.owns(each.metadata or {})]

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request; Cinder makes it in its own time."""
        volume = self._cinder.create_volume(
            name=wanted.key.name,
            size=wanted.attributes["size_gib"],
            metadata={**self._project.metadata, ROLE: wanted.creation["role"]},
            **({"volume_type": kind} if (kind := wanted.creation.get("type")) else {}),
            **({"availability_zone": zone} if (zone := wanted.creation.get("zone")) else {}),
        )
        return self.found(volume)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """It is there, as large as it should be, with its labels."""
        volume = self.at_rest(found.id, tell)
        if volume.size < wanted.attributes["size_gib"]:
            self._extend(volume, wanted.attributes["size_gib"])
            tell("growing")
            volume = self.at_rest(found.id, tell)
            if volume.size < wanted.attributes["size_gib"]:
                raise SkytierError(
                    f"Cinder did not make the volume {volume.name} larger: it has {volume.size} "
                    "GiB as before.",
                    f"See why: openstack volume message list --resource-uuid {volume.id}",
                )
        return self.found(self.labelled(volume))

    def labelled(self, volume: Any) -> Any:
        """The volume, as it is now, with the mark and the labels as they should be."""
        has, wanted = dict(volume.metadata), self._project.metadata
        old = {n for n in has if n.startswith(f"{PREFIX}label:")} - set(wanted)
        if not old and wanted.items() <= has.items():
            return volume
        if old:
            self._cinder.delete_volume_metadata(volume, keys=sorted(old))
        self.note(volume.id, wanted)
        return self._cinder.get_volume(volume.id)

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete it with all that is on it. One that a server still has is not taken from it."""
        now = self._get(found.id)
        if now is not None and now.status != "deleting":
            volume = self.at_rest(found.id, tell, broken=True)
            if servers := servers_of(volume):
                raise SkytierError(
                    f"The volume {volume.name} cannot be deleted, since a server has it: "
                    f"{', '.join(servers)}.",
                    "That server is not of this stack. Detach the volume first, if nobody needs it "
                    f"there: openstack server remove volume {servers[0]} {volume.id}",
                )
            self._cinder.delete_volume(found.id, ignore_missing=True)
        wait_for(
            f"The volume {found.key.name} was not deleted",
            lambda: self._gone(found),
            AT_REST_TIMEOUT_S,
            f"See what it says: openstack volume show {found.id}",
        )

    def note(self, volume_id: str, metadata: Mapping[str, str]) -> None:
        """Write something about it down where every operator finds it."""
        self._cinder.set_volume_metadata(volume_id, **metadata)

    def at_rest(
        self,
        volume_id: str,
        tell: Tell,
        *,
        broken: bool = False,
        timeout_s: float = AT_REST_TIMEOUT_S,
    ) -> Any:
        """The volume once nothing is being done to it.

        Raises SkytierError when it is in an error, unless it may be `broken`.
        """

        def ask() -> Any:
            volume = self._cinder.get_volume(volume_id)
            tell(volume.status)
            failed = volume.status.startswith("error")
            if failed and not broken:
                raise SkytierError(
                    f"The volume {volume.name} is in the state {volume.status}.",
                    f"See why: openstack volume message list --resource-uuid {volume.id}. "
                    "The cloud's operator can repair it.",
                )
            return volume if failed or volume.status in _RESTING else None

        return wait_for(
            f"The volume {volume_id} did not reach a stable state",
            ask,
            timeout_s,
            f"See what is done to it: openstack volume show {volume_id}",
        )

    def found(self, volume: Any) -> Found:
        """A volume of Cinder's as the plan sees it."""
        metadata = dict(volume.metadata or {})
        data = metadata.get(DATA, "")
        fault = by_hand = ""
        failed = volume.status.startswith("error")
        # Of one that a server has, what failed may be no more than its growth.
        if failed and (volume.status == "error" or not servers_of(volume)):
            # One that never had data is made anew.
            fault = f"it is in the state {volume.status}"
            by_hand = _ASK.format(volume.id) if data else ""
        if volume.status == "deleting":
            fault = "it is being deleted"
        return Found(
            Key(self.name, volume.name or ""),
            volume.id,
            {
                "size_gib": volume.size,
                "metadata": {
                    name: value
                    for name, value in metadata.items()
                    if name in self._project.metadata or name.startswith(f"{PREFIX}label:")
                },
            },
            {
                "status": volume.status,
                "servers": servers_of(volume),
                "data": data,
                "postgresql": metadata.get(POSTGRESQL, ""),
                "role": metadata.get(ROLE, ""),
                "type": volume.volume_type or "",
                "zone": volume.availability_zone or "",
            },
            fault=fault,
            by_hand=by_hand,
            created_at=volume.created_at or "",
        )

    def _extend(self, volume: Any, size_gib: int) -> None:
        in_use = volume.status == "in-use"
        answer = self._cinder.post(
            f"/volumes/{volume.id}/action",
            json={"os-extend": {"new_size": size_gib}},
            microversion=_EXTENDS_IN_USE if in_use else None,
        )
        if in_use and answer.status_code in (400, 406):
            raise SkytierError(
                f"This cloud does not make the volume {volume.name} larger while a server has it: "
                f"{answer.text.strip()[:300]}",
                "Set database.volume_gib back, or ask the cloud's operator.",
            )
        raise_from_response(answer)

    def _get(self, volume_id: str) -> Any:
        try:
            return self._cinder.get_volume(volume_id)
        except NotFoundException:
            return None

    def _gone(self, found: Found) -> bool:
        volume = self._get(found.id)
        if volume is not None and volume.status == "error_deleting":
            raise SkytierError(
                f"Cinder could not delete the volume {found.key.name}.",
                f"Ask the cloud's operator: openstack volume show {found.id}",
            )
        return volume is None


def servers_of(volume: Any) -> list[str]:
    """The ids of the servers that a volume is attached to."""
    return [each["server_id"] for each in volume.attachments or [] if each.get("server_id")]

"""Server groups of Nova, which put their servers on different hosts where there is room."""

from collections.abc import Iterable
from typing import Any

from openstack.exceptions import HttpException

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.project import ROLE, Project, marks

POLICY = "soft-anti-affinity"
_REFUSED = (403, 404)


class ServerGroup:
    """`attributes`: policy. `creation`: role.

    Nova keeps nothing of a group but its name: so the name is the mark and the role. A server
    becomes a member when it is created.
    """

    name = "server group"
    fixed = frozenset({"policy"})

    def __init__(self, project: Project) -> None:
        self._project = project
        self._compute = project.connection.compute

    def find(self) -> Iterable[Found]:
        """Those with the mark as their name; none where Nova shows the project no groups."""
        try:
            groups = list(self._compute.server_groups())
        except HttpException as error:
            if error.status_code not in _REFUSED:
                raise
            return
        for group in groups:
            # An administrator sees those of other projects, too; old versions do not say whose.
            if group.project_id not in (None, self._project.id):
                continue
            marked = marks((group.name or "").split(","))
            if self._project.owns(marked) and ROLE in marked:
                yield self._found(group, marked[ROLE])

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The group, without members."""
        role = wanted.creation["role"]
        group = self._compute.create_server_group(
            name=f"{self._project.mark},{ROLE}={role}", policy=wanted.attributes["policy"]
        )
        return self._found(group, role)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """It is whole at once."""
        return found

    def delete(self, found: Found, tell: Tell) -> None:
        """Servers that were members stay where they are."""
        self._compute.delete_server_group(found.id, ignore_missing=True)

    def _found(self, group: Any, role: str) -> Found:
        policy = group.policy or (group.policies or [""])[0]
        return Found(Key(self.name, f"{self._project.stack}-{role}"), group.id, {"policy": policy})

"""What Nova tells of servers that are there or were there. Only asks."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from openstack import exceptions, utils
from openstack.connection import Connection

from skytier.openstack.usages.collected import Window, moment
from skytier.openstack.usages.life import ServerAction

PAGE = 1000
"""The most that Nova gives at once, unless its operator says otherwise."""
PAGED_USAGE = "2.40"
TIMED_ACTIONS = "2.58"
"""Since when an action says when it was done, and not only when it was asked for."""


class Nova:
    """The project's servers as its members may see them."""

    def __init__(self, connection: Connection) -> None:
        self._compute = connection.compute
        self._project = connection.current_project_id

    def used(self, window: Window) -> dict[str, Mapping[str, Any]]:
        """Server id to what the usage API has of it: flavor, started_at, ended_at.

        Raises ForbiddenException where the cloud keeps this from members.
        """
        return {each["instance_id"]: each for each in self._usage(window)}

    def _usage(self, window: Window) -> Iterator[Mapping[str, Any]]:
        asked: dict[str, object] = {
            "detailed": 1,
            "start": f"{window.start:%Y-%m-%dT%H:%M:%S}",
            "end": f"{window.end:%Y-%m-%dT%H:%M:%S}",
        }
        version = utils.maximum_supported_microversion(self._compute, PAGED_USAGE)
        if version == PAGED_USAGE:
            asked["limit"] = PAGE
        while True:
            path = f"/os-simple-tenant-usage/{self._project}?{urlencode(asked)}"
            answer = self._get(path, version)
            page = answer["tenant_usage"].get("server_usages", [])
            yield from page
            if not page or not answer.get("tenant_usage_links"):
                return
            asked["marker"] = page[-1]["instance_id"]

    def listed(self, window: Window) -> dict[str, Any]:
        """Server id to server: the living, and those deleted since the window began."""
        since = f"{window.start:%Y-%m-%dT%H:%M:%SZ}"
        found = [
            # What changed, deleted ones too; the living come last and are newer.
            *self._compute.servers(details=True, changes_since=since),
            *self._compute.servers(details=True),
        ]
        return {each.id: each for each in found if each.project_id == self._project}

    def actions(self, server_id: str) -> list[ServerAction] | None:
        """What was done to a server, the newest first; None where the cloud does not tell."""
        version = utils.maximum_supported_microversion(self._compute, TIMED_ACTIONS)
        try:
            answer = self._get(f"/servers/{server_id}/os-instance-actions", version)
        except (exceptions.ForbiddenException, exceptions.NotFoundException):
            return None
        return [
            ServerAction(
                each["action"],
                moment(each.get("updated_at") or each["start_time"]),
                failed=bool(each["message"]),
            )
            for each in answer["instanceActions"]
        ]

    def _get(self, path: str, version: str | None) -> Any:
        response = self._compute.get(path, microversion=version)
        exceptions.raise_from_response(response)
        return response.json()

"""Giving up a server that nobody can mend, with its data. Only when that is asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from skytier.deploy.kind import Found
from skytier.errors import SkytierError
from skytier.openstack.resources.server import Server

GIVEN_UP = "given_up"
"""The fact of a server that is replaced although data is lost with it."""
_GO_ON = (
    "If it was given up just now, go on without --give-up: skytier up. Else see skytier status."
)


def give_up(found: Sequence[Found], names: Collection[str], data: Mapping[str, str]) -> list[Found]:
    """The same, with the servers of these names to be replaced. Raises SkytierError.

    `data` is what is lost with a server of a role. One that is not broken is not given up.
    """
    there = {each.key.name: each for each in found if each.key.kind == Server.name}
    for name in names:
        if name not in there:
            raise SkytierError(f"The stack has no server {name}.", _GO_ON)
        if not there[name].fault:
            raise SkytierError(f"The server {name} is not broken, so it is not given up.", _GO_ON)
    return [
        _given_up(each, data) if each.key.kind == Server.name and each.key.name in names else each
        for each in found
    ]


def _given_up(server: Found, data: Mapping[str, str]) -> Found:
    what = data.get(server.facts["role"]) or "what is on its disk"
    return replace(
        server,
        fault=f"{server.fault}; it is given up, with {what}",
        mend="",
        by_hand="",
        facts={**server.facts, GIVEN_UP: True},
    )

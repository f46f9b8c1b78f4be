"""Neutron's auto-allocated topology: a network with a router that it makes for a project itself.

It is asked for by `network = "auto"`, as Nova's API calls it. It is of the project and not of a
stack: it stays when the stack goes.
"""

from collections.abc import Sequence
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import HttpException, raise_from_response

from skytier.errors import SkytierError

AUTO = "auto"
NETWORK = "auto_allocated_network"
"""The name that Neutron gives it."""


def networks(project_id: str, there: Sequence[Any]) -> list[Any]:
    """Those of a list that `auto` means: one of that name, else the one that Neutron made."""
    named = [each for each in there if each.name == AUTO]
    return named or [n for n in there if n.name == NETWORK and n.project_id == project_id]


def check(conn: Connection) -> None:
    """Ask Neutron, without a change, whether it could make the topology. Raises SkytierError."""
    path = f"/auto-allocated-topology/{conn.current_project_id}?fields=dry-run"
    try:
        raise_from_response(conn.network.get(path))
    except HttpException as error:
        raise SkytierError(
            f"Neutron makes no network for this project by itself: {error.details or error}",
            "Ask the cloud's operator for a default external network and a default subnet pool "
            "(auto-allocated topology), or take network out of the stack file so that the stack "
            "gets a network of its own.",
        ) from error


def make(conn: Connection) -> None:
    """Have Neutron make the topology; what is there stays."""
    conn.network.get_auto_allocated_topology(conn.current_project_id)

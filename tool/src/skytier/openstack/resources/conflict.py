"""Who holds on to what cannot be deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openstack.exceptions import ConflictException

from skytier.deploy.kind import Key
from skytier.errors import SkytierError
from skytier.openstack.resources.project import Project


@contextmanager
def named(project: Project, key: Key, **query: Any) -> Iterator[None]:
    """Turn a 409 within the block into a SkytierError that names the ports in the way.

    `query` is what Neutron's list of ports takes: `network_id`, `security_groups`.
    """
    try:
        yield
    except ConflictException as error:
        ports = list(project.connection.network.ports(**query))
        if not ports:
            raise
        holders = "\n".join(f"  {_described(port)}" for port in ports)
        raise SkytierError(
            f"The {key} cannot be deleted, since these ports hold it:\n{holders}",
            "They are not of this stack. Their owner has to detach or delete them; then run it "
            "again.",
        ) from error


def _described(port: Any) -> str:
    owner = port.device_owner or "nobody's"
    device = f" {port.device_id}" if port.device_id else ""
    return f"{port.id} {port.name or '(no name)'}, of {owner}{device}, project {port.project_id}"

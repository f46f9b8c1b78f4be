"""A scratch server of a stack, for a copy of its database: what it is made of, and removed."""

import threading
from collections.abc import Mapping

from skytier.deploy.apply import Events
from skytier.deploy.kind import Found, Key, Kind, Wanted
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.plan import private_network
from skytier.openstack.plan.removal import delete_all
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.security_group import SecurityGroup
from skytier.openstack.resources.server import RUNNING, Server
from skytier.roles.role import public_role
from skytier.services.system.service import SSH

ROLE = "rehearsal"
"""No role of a stack: what carries it is in no stack file, so `up` deletes it as `down` does."""
DATABASE = "database"
_KINDS = (SecurityGroup.name, Port.name, RootVolume.name, Server.name)
_SYSTEM_GIB = 5
"""What the system itself takes of a disk."""


def server(resolved: ResolvedStack) -> Key:
    """The server: `shop-rehearsal-1`."""
    return resolved.key(Server.name, ROLE, 1)


def wanted(
    resolved: ResolvedStack, project: Project, flavor: Flavor, root_gib: int
) -> list[Wanted]:
    """The server with all that it needs, made as the database's first one.

    It is in the stack's network, and only the bastion gets in, by SSH. `root_gib` is the size of
    the volume that it boots from; 0 for none.
    """
    key, stack = resolved.key, resolved.stack
    image, port = resolved.choices.images[DATABASE], key(Port.name, ROLE, 1)
    group = key(SecurityGroup.name, ROLE)
    bastion = key(SecurityGroup.name, public_role(stack, resolved.roles))
    made = [
        Wanted(group, {"rules": [[SSH, bastion]], "tags": project.tags}),
        private_network.port(resolved, project, port, [group]),
        Wanted(
            server(resolved),
            {
                "image": image.name,
                "flavor": flavor.name,
                "root_gib": root_gib,
                "power": RUNNING,
                "metadata": project.metadata,
            },
            {
                "image_id": image.id,
                "flavor_id": flavor.id,
                "disk_gib": flavor.disk_gib,
                "root_type": stack.volume_type_of(DATABASE),
                "root_zone": stack.volume_zone_of(DATABASE, 1),
                "key_name": key("key pair").name,
                "port": port,
                "user_data": resolved.user_data(DATABASE, 1),
                "role": ROLE,
                "number": 1,
                "zone": stack.zone_of(DATABASE, 1),
            },
            needs=[port],
        ),
    ]
    if root_gib:
        made.append(
            Wanted(
                key(RootVolume.name, ROLE, 1),
                {"size_gib": root_gib, "metadata": project.metadata},
                {
                    "role": ROLE,
                    "type": stack.volume_type_of(DATABASE),
                    "zone": stack.volume_zone_of(DATABASE, 1),
                },
                needs=[server(resolved)],
            )
        )
    return made


def root_gib(flavor: Flavor, chosen: int, copy_bytes: int) -> int:
    """The size of the volume that the server boots from, in GiB; 0 where its own disk is enough.

    `chosen` is that of the database's servers.

    >>> small = Flavor("1", "m1.small", vcpus=1, ram_mib=2048, disk_gib=20)
    >>> root_gib(small, 0, 2**30), root_gib(small, 0, 50 * 2**30), root_gib(small, 30, 2**30)
    (0, 55, 30)
    """
    least = -(-copy_bytes // 2**30) + _SYSTEM_GIB
    if chosen:
        return max(chosen, least)
    return 0 if flavor.disk_gib >= least else least


def remove(stack: str, kinds: Mapping[str, Kind], events: Events) -> bool:
    """Delete all of it that is there. Returns whether there was anything. Raises SkytierError."""
    of_scratch = {kind: kinds[kind] for kind in _KINDS}
    return delete_all(
        of_scratch, events, threading.Event(), [], lambda found: not _is_of_it(stack, found)
    )


def _is_of_it(stack: str, found: Found) -> bool:
    return found.key.name in (f"{stack}-{ROLE}", f"{stack}-{ROLE}-1")

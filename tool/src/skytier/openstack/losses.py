"""What would be lost with what the stack file does not have any more."""

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Loss
from skytier.deploy.update import SERVER
from skytier.openstack.object_store import in_words
from skytier.openstack.resolved import ResolvedStack
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.volume import Volume

_STAYS = (
    'Add "postgresql" to application.requires again, and the section [database] as it was. '
    "To go on without a database, bring up another stack beside this one: another `name`."
)
_OBJECTS_STAY = (
    "Set storage.bucket back to {0} (backup.bucket, if it has backups), or delete the objects "
    "first. Or take the container out of the stack, which leaves it as it is: openstack container "
    "unset --property Skytier {0}"
)


def losses(resolved: ResolvedStack, known: Known) -> dict[Key, Loss]:
    """The machines and volumes of roles that the stack does not have, and a container's objects."""
    unwanted = {
        name: role.holds_data
        for name, role in resolved.roles.items()
        if name not in resolved.stack.machines()
    }
    has_data = {
        SERVER: lambda found: not never_ran(found),
        Volume.name: lambda found: bool(found.facts["data"]),
    }
    objects = {
        key: Loss(in_words(found), _OBJECTS_STAY.format(key.name))
        for key, found in known.items()
        if key.kind == Container.name and found.facts["objects"]
    }
    return objects | {
        key: Loss(data, _STAYS)
        for key, found in known.items()
        if key.kind in has_data and has_data[key.kind](found)
        if (data := unwanted.get(found.facts.get("role", "")))
    }


def never_ran(server: Found) -> bool:
    """Whether nothing was ever written on its disk."""
    return bool(server.fault) and not server.facts["launched_at"]

"""What a stack has in the object store: its containers, and the key of the S3 API."""

from skytier.deploy.kind import Key, Wanted
from skytier.openstack.object_store import buckets, makes_key
from skytier.openstack.resolved import ResolvedStack
from skytier.openstack.resources.container import Container, tags
from skytier.openstack.resources.project import Project


def wanted(resolved: ResolvedStack, project: Project) -> list[Wanted]:
    """All that the stack file asks for; one key, where Keystone makes it."""
    there = containers(resolved)
    made = [Wanted(each, {"tags": tags(project)}) for each in there]
    if there and makes_key(resolved.stack):
        names = [each.name for each in there]
        made.append(
            Wanted(resolved.ec2_credential(), {"noted": True}, {"buckets": names}, needs=there)
        )
    return made


def containers(resolved: ResolvedStack) -> list[Key]:
    """The application's, and that of the backups."""
    return [Key(Container.name, name) for name in buckets(resolved.stack)]


def keys(resolved: ResolvedStack) -> list[Key]:
    """What has to be there before what uses it is configured."""
    there = containers(resolved)
    credential = [resolved.ec2_credential()] if makes_key(resolved.stack) else []
    return [*there, *credential] if there else []

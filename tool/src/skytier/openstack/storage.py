"""What a stack has in the object store: the container, and the key of the S3 API."""

from skytier.deploy.kind import Key, Wanted
from skytier.openstack.resolved import ResolvedStack
from skytier.openstack.resources.container import Container, tags
from skytier.openstack.resources.project import Project
from skytier.stackfile.storage import KEYSTONE


def wanted(resolved: ResolvedStack, project: Project) -> list[Wanted]:
    """Both, where the stack file asks for a container and Keystone makes the key."""
    there = keys(resolved)
    if not there:
        return []
    bucket, *credential = there
    return [
        Wanted(bucket, {"tags": tags(project)}),
        *(
            Wanted(key, {"noted": True}, {"bucket": bucket.name}, needs=[bucket])
            for key in credential
        ),
    ]


def keys(resolved: ResolvedStack) -> list[Key]:
    """What has to be there before the application is configured."""
    storage = resolved.stack.storage
    if storage.bucket is None:
        return []
    credential = [resolved.ec2_credential()] if storage.keys == KEYSTONE else []
    return [Key(Container.name, storage.bucket), *credential]

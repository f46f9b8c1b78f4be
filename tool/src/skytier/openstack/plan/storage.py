"""What a stack has in the object store: its containers, and the key of the S3 API."""

from skytier.deploy.kind import Key, Wanted
from skytier.openstack.plan.object_store import asking_for_key, buckets
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.container import PUBLIC, Container, tags
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.static_files import StaticFiles


def wanted(resolved: ResolvedStack, project: Project) -> list[Wanted]:
    """All that the stack file asks for; one key, where Keystone makes it."""
    there = containers(resolved)
    made = [Wanted(each, {"tags": tags(project)}) for each in there]
    if sections := asking_for_key(resolved.stack):
        about = {"buckets": [each.name for each in there], "sections": sections}
        made.append(Wanted(resolved.ec2_credential(), {"noted": True}, about, needs=there))
    return [*made, *_static_files(resolved, project)]


def _static_files(resolved: ResolvedStack, project: Project) -> list[Wanted]:
    """The container that a CDN gets them from, and that those of the release are in it."""
    bucket = resolved.stack.static.bucket
    if bucket is None:
        return []
    container = Key(Container.name, bucket)
    made = [Wanted(container, {"tags": tags(project), **PUBLIC})]
    if key := static_files(resolved):
        what = {"application": resolved.application, "target": resolved.platform}
        made.append(Wanted(key, {"release": resolved.release}, what, needs=[container]))
    return made


def static_files(resolved: ResolvedStack) -> Key | None:
    """What has to be there before a web server is switched to the release; None for nothing.

    Of a release that a rollback led to nobody has the source. Its files were sent before.
    """
    bucket = resolved.stack.static.bucket
    return Key(StaticFiles.name, bucket) if bucket and not resolved.pinned else None


def containers(resolved: ResolvedStack) -> list[Key]:
    """The application's, and that of the backups."""
    return [Key(Container.name, name) for name in buckets(resolved.stack)]


def keys(resolved: ResolvedStack) -> list[Key]:
    """What has to be there before what uses it is configured."""
    there = containers(resolved)
    credential = [resolved.ec2_credential()] if asking_for_key(resolved.stack) else []
    return [*there, *credential] if there else []

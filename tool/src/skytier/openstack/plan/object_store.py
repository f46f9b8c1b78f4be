"""The cloud's object store: whether a stack can use it, and what stays of it after `down`."""

from urllib.parse import urlsplit

from keystoneauth1.exceptions import CatalogException
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.connection import Connection

from skytier import sizes
from skytier.deploy.kind import Found, Key, Known
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.resources.container import Container, holds_static_files
from skytier.openstack.resources.ec2_credential import (
    OWN,
    Ec2Credential,
    is_delegated,
    not_made,
)
from skytier.openstack.resources.project import Project
from skytier.stackfile import StackFile
from skytier.stackfile.backup import SECOND, PlaceSection, host_and_port, unfit
from skytier.stackfile.storage import KEYSTONE, STORAGE

DELEGATED = "Keystone makes none for an application credential or a trust."


def is_there(connection: Connection) -> bool:
    """Whether the catalog has one."""
    return bool(catalog.services(connection) & catalog.OBJECT_STORE)


def check(project: Project, stack: StackFile, known: Known) -> None:
    """Raises SkytierError where the stack asks for a container and cannot have it."""
    asked = containers(stack)
    if not asked:
        return
    if not is_there(project.connection):
        raise _no_object_store(stack)
    for bucket in asked:
        is_known = Key(Container.name, bucket) in known
        if not is_known and (wrong := Container(project, there=True).foreign(bucket)):
            raise wrong
        if found := known.get(Key(Container.name, bucket)):
            _check_use(stack, found)
    sections = asking_for_key(stack)
    has_key = not sections or Ec2Credential.name in {key.kind for key in known}
    if not has_key and is_delegated(project.connection):
        raise not_made(DELEGATED, sections)


def _check_use(stack: StackFile, container: Found) -> None:
    """Raises SkytierError where what a container holds, or will hold, would be read by everybody,
    or be deleted as static files are."""
    name, is_public = container.key.name, container.key.name == stack.static.bucket
    if is_public and container.facts["objects"] and not holds_static_files(container):
        raise SkytierError(
            f"static.bucket is {name}, which everybody may read, and that container holds objects "
            "that are no static files of a release.",
            "Set static.bucket to another name.",
        )
    # An empty one, too: it stays readable for everybody.
    if holds_static_files(container) and not is_public:
        raise SkytierError(
            f"The container {name} is for the static files of releases, which everybody may read.",
            "Set storage.bucket (of backups, the bucket of their section) to another name.",
        )


def _no_object_store(stack: StackFile) -> SkytierError:
    if stack.storage.bucket:
        return SkytierError(
            "The stack file asks for a container (storage.bucket), and the cloud has no object "
            "store.",
            "Leave the section [storage] out, and give the application another one: "
            "docs/how-to/keep-uploads-in-an-object-store.md#another-object-store",
        )
    if stack.static.bucket:
        return SkytierError(
            "The stack file asks for a container for static files (static.bucket), and the cloud "
            "has no object store.",
            "Leave static.bucket out, and let the CDN get the files from the site: "
            "docs/how-to/scale.md#a-cdn-for-static-files",
        )
    section = next(each.section for each in stack.backup.places.values() if each.container)
    return SkytierError(
        f'The stack file asks for backups to the object store ({section}.kind = "object-store"), '
        "and the cloud has none.",
        f'Set {section}.kind to "s3", with an S3 of another provider.',
    )


def containers(stack: StackFile) -> list[str]:
    """The containers that a stack file asks for."""
    return [*buckets(stack), *([stack.static.bucket] if stack.static.bucket else [])]


def buckets(stack: StackFile) -> list[str]:
    """Those of them that machines use by the S3 API, the application's first."""
    return [*([stack.storage.bucket] if stack.storage.bucket else []), *stack.backup.containers]


def asking_for_key(stack: StackFile) -> list[str]:
    """The sections of a stack file that ask for a key of the S3 API, which Keystone makes; all of
    them share one."""
    of_storage = [STORAGE] if stack.storage.bucket and stack.storage.keys == KEYSTONE else []
    of_backups = [each.section for each in stack.backup.places.values() if each.makes_key]
    return [*of_storage, *of_backups]


def s3_endpoint(connection: Connection, stack: StackFile) -> str:
    """The address of the S3 API, without a path; empty where the stack has no container.

    That of the stack file, else the catalog's service `s3`. Swift and Ceph have it at the host and
    port of their Swift API.
    """
    if stack.storage.bucket is None:
        return ""
    return (stack.storage.endpoint or _by_catalog(connection)).rstrip("/")


def backup_endpoints(connection: Connection, stack: StackFile) -> dict[str, str]:
    """The same for each place of the backups, by its name; none where it is no S3 API.

    Raises SkytierError for an address that pgBackRest cannot use, and where both are the same.
    """
    places = stack.backup.places
    found = {name: backup_endpoint(connection, place) for name, place in places.items()}
    there = {name: address for name, address in found.items() if address}
    if len({(host_and_port(address), places[name].bucket) for name, address in there.items()}) < (
        len(there)
    ):
        # As a container of the cloud, and as a bucket of the same S3 API.
        bucket, section = places[SECOND].bucket, places[SECOND].section
        raise SkytierError(
            f"Both places of the backups are the same: {bucket} at {there[SECOND]}.",
            f"Name another one in {section}.bucket, or leave the section [{section}] out.",
        )
    return there


def backup_endpoint(connection: Connection, place: PlaceSection) -> str:
    """That of one place; empty where it is no S3 API. Raises SkytierError as above."""
    if not place.is_s3:
        return ""
    if place.endpoint or not place.container:
        return (place.endpoint or "").rstrip("/")
    endpoint = _by_catalog(connection)
    if endpoint and (wrong := unfit(endpoint)):
        raise SkytierError(
            f"Backups cannot go to the cloud's object store: its S3 API, {endpoint}, {wrong}.",
            f"If the S3 API has another address, set {place.section}.endpoint to it; who runs the "
            f'cloud knows it. Or set {place.section}.kind to "s3", with an S3 of another provider.',
        )
    return endpoint


def _by_catalog(connection: Connection) -> str:
    auth = connection.session.auth
    if not isinstance(auth, BaseIdentityPlugin):
        return ""
    services = auth.get_access(connection.session).service_catalog
    for service in ("s3", "object-store"):
        try:
            url = services.url_for(
                service_type=service,
                interface="public",
                region_name=connection.config.get_region_name(),
            )
        except CatalogException:
            continue
        parts = urlsplit(str(url))
        return f"{parts.scheme}://{parts.netloc}"
    return ""


def stays(found: Found, *, purge: bool) -> str:
    """Why `down` leaves something of a stack, and how to delete it; empty for what it deletes."""
    name = found.key.name
    has_objects = found.key.kind == Container.name and found.facts["objects"]
    if has_objects and not holds_static_files(found) and not purge:
        return (
            f"The container {name} stays, with {in_words(found)}. To delete it with all of them: "
            "skytier down --purge"
        )
    if found.key.kind == Ec2Credential.name and not found.facts[OWN]:
        return (
            f"The EC2 credential {found.id} stays: it belongs to the user {found.facts['user']}, "
            "who alone can delete it, logged in with a password: openstack ec2 credentials delete "
            f"{found.id}"
        )
    return ""


def in_words(container: Found) -> str:
    """`12 objects (3.0 MiB)`"""
    return sizes.of_objects(container.facts["objects"], container.facts["bytes"])

"""The cloud's load balancer service (Octavia): whether a stack can have a load balancer of it."""

from collections.abc import Collection, Sequence

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.entry_point import FRONT, load_balancer_address, virtual_address
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.project import Project
from skytier.stackfile import StackFile

PROVIDERS = ("amphora", "octavia")
"""The names of the provider that has HAProxy on servers of its own; the second is an older one."""
_MAY_NOT = (403, 404)
"""What Octavia answers to those who may have no load balancers."""
_UNLISTED = "The providers of load balancers could not be listed"
_HAPROXY = 'Set balancer.kind = "haproxy" in the stack file: a machine of the stack.'


def decided(project: Project, stack: StackFile) -> StackFile:
    """The stack with the kind of balancer that it has, or else gets, where its file says "auto".

    What it has stays, also where the file or the cloud is against it by now: `provider` says so.
    Raises SkytierError where it cannot be told.
    """
    if stack.balancer.kind != "auto" or not stack.has_balancer:
        return stack
    if there := kept(stack.name, _ports(project)):
        return stack.with_balancer(there)
    conn = project.connection
    if stack.no_load_balancer or not catalog.has_load_balancers(conn):
        return stack.with_balancer("haproxy")
    return stack.with_balancer("octavia" if _may_have(conn) else "haproxy")


def kept(stack: str, ports: Collection[str]) -> str:
    """The kind of balancer that a stack has, by the names of its ports; empty for none.

    A port outlives its server, and a load balancer that is made anew.
    """
    shared = virtual_address(stack).name
    if any(each == shared or each.startswith(f"{stack}-{FRONT}-") for each in ports):
        return "haproxy"
    return "octavia" if load_balancer_address(stack).name in ports else ""


def _ports(project: Project) -> list[str]:
    try:
        return [str(each.name) for each in project.ports()]
    except API_ERRORS as error:
        raise explained("The balancers of the stack could not be looked for", error) from error


def _may_have(conn: Connection) -> bool:
    """Whether the project may have a load balancer of a provider that fits."""
    try:
        return bool(fitting(_names(conn)))
    except API_ERRORS as error:
        # Many clouds give them only to those with a role of their own.
        if getattr(error, "status_code", None) in _MAY_NOT:
            return False
        raise explained(_UNLISTED, error) from error


def provider(conn: Connection, stack: StackFile) -> str:
    """The provider of the load balancer; empty where the stack has none.

    Raises SkytierError where it is to have one, and the stack file forbids it, or the cloud has
    none that fits. One call.
    """
    if not stack.has_load_balancer:
        return ""
    # A file that asks for one itself is refused when it is read.
    if why := stack.no_load_balancer:
        raise SkytierError(
            f'The stack has a load balancer of the cloud, which balancer.kind = "auto" keeps, and '
            f"{why}.",
            f"Take that out of the stack file, or move to HAProxy. {_HAPROXY}",
        )
    if not catalog.has_load_balancers(conn):
        raise SkytierError(
            "The stack has a load balancer of the cloud, or is to get one (balancer.kind), and the "
            "cloud has no load balancer service (Octavia).",
            f"If it had one before, run this again later. Else: {_HAPROXY}",
        )
    names = providers(conn)
    if not (found := fitting(names)):
        raise SkytierError(
            f"The load balancers of this cloud are of the provider {' or '.join(names)}, and "
            f"Skytier uses those of {PROVIDERS[0]} alone, which tell the web servers who a visitor "
            "is, and ask them by HTTP whether they take requests.",
            _HAPROXY,
        )
    return found


def providers(conn: Connection) -> list[str]:
    """The names of all providers that the cloud has. One call. Raises SkytierError."""
    try:
        return _names(conn)
    except API_ERRORS as error:
        raise explained(_UNLISTED, error) from error


def _names(conn: Connection) -> list[str]:
    return [str(each.name) for each in conn.load_balancer.providers()]


def fitting(names: Sequence[str]) -> str:
    """The one of the providers that a stack can have its load balancer of; empty for none."""
    return next((each for each in PROVIDERS if each in names), "")

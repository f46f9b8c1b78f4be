"""Which services a cloud has, by the catalog that comes with a token."""

from typing import Any

from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.connection import Connection

from skytier.errors import SkytierError

IMAGE = frozenset({"image"})
COMPUTE = frozenset({"compute"})
NETWORK = frozenset({"network"})
LOAD_BALANCER = frozenset({"load-balancer"})
OBJECT_STORE = frozenset({"object-store"})
RATING = frozenset({"rating"})
BLOCK_STORAGE = frozenset({"block-storage", "volumev3", "volume", "block-store"})
"""All the names that this service has had."""


def has_volumes(conn: Connection) -> bool:
    """Whether there is Cinder."""
    return bool(services(conn) & BLOCK_STORAGE)


def has_load_balancers(conn: Connection) -> bool:
    """Whether there is Octavia."""
    return bool(services(conn) & LOAD_BALANCER)


def load_balancer_version(conn: Connection) -> tuple[int, int] | None:
    """The newest version of Octavia's API that there is: (2, 26). None where it does not tell.

    The connection's own is the version of the address, which is 2.0 for all of them.
    """
    found = conn.session.get_api_major_version(
        service_type="load-balancer",
        interface=conn.config.get_interface("load-balancer"),
        region_name=conn.config.get_region_name("load-balancer"),
        min_version="2.0",
        max_version="2.latest",
    )
    return (int(found[0]), int(found[1])) if found and len(found) > 1 else None


class NoRegionError(SkytierError):
    """The region that is asked for is not in the catalog."""


def region(conn: Connection) -> str:
    """The region that a connection leads to: the named one, or the one where Nova is; empty where
    regions have no names."""
    named = str(conn.config.get_region_name() or "")
    return named or next(iter(_regions(conn, COMPUTE)), "")


def regions(conn: Connection) -> list[str]:
    """The names of all regions of the catalog, sorted."""
    return sorted(_regions(conn))


def refuse_region(conn: Connection) -> None:
    """Raises NoRegionError where the catalog has regions, and not the one that is asked for."""
    wanted, there = conn.config.get_region_name(), regions(conn)
    if wanted and there and wanted not in there:
        raise NoRegionError(
            f"The cloud has no region {wanted!r}. It has {', '.join(there)}.",
            "Name one of them: region in the stack file, region_name in clouds.yaml, or "
            "OS_REGION_NAME in a sourced openrc file. Upper and lower case count.",
        )


def _regions(conn: Connection, types: frozenset[str] = frozenset()) -> list[str]:
    """Those of services of some types, or of all, in the order of the catalog."""
    found = [
        str(at.get("region_id") or at.get("region") or "")
        for service in _catalog(conn)
        if not types or service["type"] in types
        for at in service["endpoints"]
    ]
    return [name for name in dict.fromkeys(found) if name]


def services(conn: Connection) -> frozenset[str]:
    """The types of all services that the connection's region has: `compute`, `volumev3`.

    Raises what keystoneauth raises when there is no token to be had.
    """
    region = conn.config.get_region_name()
    return frozenset(
        service["type"]
        for service in _catalog(conn)
        if not region
        or any(region in (at.get("region_id"), at.get("region")) for at in service["endpoints"])
    )


def _catalog(conn: Connection) -> list[dict[str, Any]]:
    auth = conn.session.auth
    if not isinstance(auth, BaseIdentityPlugin):
        return []  # an endpoint without Keystone has no catalog
    return list(auth.get_access(conn.session).service_catalog.catalog)

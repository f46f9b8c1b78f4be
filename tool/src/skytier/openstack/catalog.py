"""Which services a cloud has, by the catalog that comes with a token."""

from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.connection import Connection

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


def services(conn: Connection) -> frozenset[str]:
    """The types of all services that the connection's region has: `compute`, `volumev3`.

    Raises what keystoneauth raises when there is no token to be had.
    """
    auth = conn.session.auth
    if not isinstance(auth, BaseIdentityPlugin):
        return frozenset()  # an endpoint without Keystone has no catalog
    access, region = auth.get_access(conn.session), conn.config.get_region_name()
    return frozenset(
        service["type"]
        for service in access.service_catalog.catalog
        if not region
        or any(region in (at.get("region_id"), at.get("region")) for at in service["endpoints"])
    )

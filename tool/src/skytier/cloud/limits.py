"""A project's limits and what is used of them, from Nova, Neutron and, where it is, Cinder."""

from typing import Any

from openstack.connection import Connection
from openstack.exceptions import HttpException

from skytier.cloud.catalog import has_volumes
from skytier.cloud.quota import Limit

_NEUTRON = (
    "ports",
    "floating_ips",
    "security_groups",
    "security_group_rules",
    "networks",
    "subnets",
    "routers",
)


def read(conn: Connection) -> dict[str, Limit]:
    """Limits by field of `quota.Amounts`, in two calls, three with Cinder.

    A service that does not tell leaves its fields out. Raises what the SDK raises when Nova or
    Neutron cannot be asked at all.
    """
    limits = _nova(conn.compute.get_limits().absolute)
    limits |= _neutron(conn)
    if has_volumes(conn):
        limits |= _cinder(conn)
    return limits


def _nova(absolute: Any) -> dict[str, Limit]:
    return {
        "instances": Limit.of(absolute.instances, absolute.instances_used),
        "cores": Limit.of(absolute.total_cores, absolute.total_cores_used),
        "ram_mib": Limit.of(absolute.total_ram, absolute.total_ram_used),
    }


def _neutron(conn: Connection) -> dict[str, Limit]:
    try:
        quota = conn.network.get_quota(conn.current_project_id or "", details=True)
    except HttpException as error:
        # Old clouds, and some network drivers, know no usage.
        if error.status_code in (403, 404, 501):
            return {}
        raise
    found = {}
    for name in _NEUTRON:
        if detail := getattr(quota, name):
            used = int(detail["used"]) + int(detail.get("reserved", 0))
            found[name] = Limit.of(int(detail["limit"]), used)
    return found


def _cinder(conn: Connection) -> dict[str, Limit]:
    try:
        absolute = conn.block_storage.get_limits().absolute
    except HttpException:
        return {}
    return {
        "volumes": Limit.of(absolute.max_total_volumes, absolute.total_volumes_used),
        "gigabytes": Limit.of(absolute.max_total_volume_gigabytes, absolute.total_gigabytes_used),
    }

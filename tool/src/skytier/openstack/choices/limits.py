"""A project's limits and what is used of them, from Nova, Neutron and, where they are, Cinder and
Octavia."""

from collections.abc import Callable, Mapping
from functools import partial

from openstack.connection import Connection
from openstack.exceptions import HttpException

from skytier.openstack.catalog import has_load_balancers, has_volumes
from skytier.openstack.choices.quota import Amounts, Limit

_NOVA = ("instances", "cores", "ram_mib", "server_groups", "server_group_members")
_NEUTRON = (
    "ports",
    "floating_ips",
    "security_groups",
    "security_group_rules",
    "networks",
    "subnets",
    "routers",
)
_CINDER = ("volumes", "gigabytes")
_OCTAVIA = ("load_balancers",)


def read(conn: Connection, needed: Amounts | None = None) -> dict[str, Limit]:
    """Limits by field of `quota.Amounts`, by a call of each service; with `needed` of those alone
    that count something of it.

    What a service does not tell is left out: a field without a number, or all of them where it
    answers with an error. Raises what the SDK raises when there is no answer, or no access (401).
    """
    services = [(_NOVA, _nova), (_NEUTRON, _neutron)]
    if has_volumes(conn):
        services.append((_CINDER, _cinder))
    if has_load_balancers(conn):
        services.append((_OCTAVIA, _octavia))
    limits: dict[str, Limit | None] = {}
    for counted, ask in services:
        if needed is None or any(getattr(needed, name) for name in counted):
            limits |= _told(partial(ask, conn))
    return {name: limit for name, limit in limits.items() if limit}


def _told(ask: Callable[[], dict[str, Limit | None]]) -> dict[str, Limit | None]:
    try:
        return ask()
    except HttpException as error:
        # Old clouds, and some network drivers, know no usage; some tell it to administrators only.
        if error.status_code in (None, 401):
            raise
        return {}
    except (ValueError, OverflowError):
        # The SDK makes a whole number of what is none: Python's JSON knows NaN and Infinity.
        return {}


def _nova(conn: Connection) -> dict[str, Limit | None]:
    absolute = conn.compute.get_limits().absolute
    if absolute is None:
        return {}
    return {
        "instances": Limit.told(absolute.instances, absolute.instances_used),
        "cores": Limit.told(absolute.total_cores, absolute.total_cores_used),
        "ram_mib": Limit.told(absolute.total_ram, absolute.total_ram_used),
        "server_groups": Limit.told(absolute.server_groups, absolute.server_groups_used),
        # Of each group; what is needed is the whole of the largest.
        "server_group_members": Limit.told(absolute.server_group_members, 0),
    }


def _neutron(conn: Connection) -> dict[str, Limit | None]:
    quota = conn.network.get_quota(conn.current_project_id or "", details=True)
    details = {name: getattr(quota, name) for name in _NEUTRON}
    return {
        name: Limit.told(each.get("limit"), each.get("used"), each.get("reserved"))
        for name, each in details.items()
        if isinstance(each, Mapping)
    }


def _cinder(conn: Connection) -> dict[str, Limit | None]:
    absolute = conn.block_storage.get_limits().absolute
    if absolute is None:
        return {}
    return {
        "volumes": Limit.told(absolute.max_total_volumes, absolute.total_volumes_used),
        "gigabytes": Limit.told(absolute.max_total_volume_gigabytes, absolute.total_gigabytes_used),
    }


def _octavia(conn: Connection) -> dict[str, Limit | None]:
    """It tells no usage, so its load balancers are counted."""
    mine = str(conn.current_project_id)
    limit = conn.load_balancer.get_quota(mine).load_balancers
    used = len(list(conn.load_balancer.load_balancers(project_id=mine)))
    return {"load_balancers": Limit.told(limit, used)}

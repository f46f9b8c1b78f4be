"""What of a project leads to nothing, is attached to nothing, or is a snapshot. Only asks."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import ForbiddenException

from skytier.costs.advice.facts import Leftover, Spare
from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack import catalog
from skytier.openstack.resources import glance
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.project import STACK, VIRTUAL
from skytier.openstack.usages import floating_ips, images, owner, volumes
from skytier.openstack.usages.collected import moment


def find(connection: Connection) -> list[Leftover]:
    """All of the project, with a stack's mark or not. Raises SkytierError."""
    now, there = datetime.now(UTC), catalog.services(connection)
    asked: list[Callable[[Connection, datetime], Iterator[Leftover]]] = [
        ask
        for service, asks in (
            (catalog.NETWORK, (_floating_ips, _ports)),
            (catalog.IMAGE, (_images,)),
            (catalog.BLOCK_STORAGE, (_volumes, _snapshots)),
        )
        if service & there
        for ask in asks
    ]
    try:
        with ThreadPoolExecutor(5) as pool:
            return [
                each
                for some in pool.map(lambda ask: list(ask(connection, now)), asked)
                for each in some
            ]
    except API_ERRORS as error:
        raise explained("What the project needs no more could not be listed", error) from error


def _leftover(kind: str, spare: Spare, usage: Usage) -> Leftover:
    return Leftover(kind, usage.id, usage.name, spare, usage.start, usage.stack, usage)


def _floating_ips(connection: Connection, now: datetime) -> Iterator[Leftover]:
    for ip in connection.network.ips(project_id=connection.current_project_id):
        if not ip.port_id:
            used = floating_ips.usage(ip, now, now)
            address = ip.floating_ip_address
            yield Leftover("floating ip", ip.id, address, Spare.IDLE, used.start, used.stack, used)


def _ports(connection: Connection, now: datetime) -> Iterator[Leftover]:
    mine = connection.current_project_id
    led_to = {ip.port_id for ip in connection.network.ips(project_id=mine)}
    if catalog.has_load_balancers(connection):
        try:
            # Octavia sets no device on a port that it was given.
            balancers = connection.load_balancer.load_balancers(project_id=mine)
            led_to |= {each.vip_port_id for each in balancers}
        except ForbiddenException:
            return  # nobody knows which ports are in use
    for port in orphans(list(connection.network.ports(project_id=mine)), led_to):
        yield _port(port, now)


def orphans(ports: Sequence[Any], led_to: Collection[str]) -> list[Any]:
    """The ports, as Neutron lists them, that no machine has, and whose address none answers.

    `led_to` are the ids of those that floating IPs lead to, and load balancers have. The address of
    one can be an address pair of others, which share it. That of a stack is the stack's to delete.
    """
    shared = {
        (port.network_id, pair["ip_address"])
        for port in ports
        for pair in port.allowed_address_pairs or []
    }
    return [
        port
        for port in ports
        if not port.device_id
        and not port.device_owner
        and port.id not in led_to
        and not _is_virtual(port)
        and not any((port.network_id, each["ip_address"]) in shared for each in port.fixed_ips)
    ]


def _is_virtual(port: Any) -> bool:
    mark, _, what = (port.description or "").partition(" ")
    return mark.startswith(f"{STACK}=") and what == VIRTUAL


def _port(port: Any, now: datetime) -> Leftover:
    marks = [*(port.description or "").split(), *(port.tags or [])]
    whose = owner.of_marks(marks, port.name or "")
    created = moment(port.created_at) if port.created_at else now
    return Leftover(
        "port", port.id, port.name or "", Spare.ORPHANED, created, whose.stack, resource=None
    )


def _images(connection: Connection, now: datetime) -> Iterator[Leftover]:
    mine = connection.current_project_id
    for image in glance.images(connection, owner=mine):
        if image.owner_id == mine and (image.properties or {}).get("image_type") == "snapshot":
            yield _leftover("image", Spare.OLD, images.usage(image, now))


def _volumes(connection: Connection, now: datetime) -> Iterator[Leftover]:
    for volume in connection.block_storage.volumes(details=True):
        if volume.status == "available":
            yield _leftover(
                "volume", Spare.UNATTACHED, volumes.usage(ResourceKind.VOLUME, volume, now)
            )


def _snapshots(connection: Connection, now: datetime) -> Iterator[Leftover]:
    for snapshot in connection.block_storage.snapshots(details=True):
        used = volumes.usage(ResourceKind.SNAPSHOT, snapshot, now)
        yield _leftover("volume snapshot", Spare.OLD, used)

"""What went out to the internet, from a Prometheus: OpenStack itself does not count it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from skytier.costs.usage import ResourceKind, Usage
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Series, Source
from skytier.openstack.entry_point import BEHIND, FRONT, load_balancer_address, virtual_address
from skytier.openstack.stack import CloudStack
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import Collected, Window
from skytier.openstack.watching import figures

STEP_S = 3600
OF_WEB_SERVERS = (
    "A load balancer of the cloud is no machine that could be asked: its traffic is what the web "
    "servers behind it sent."
)
NOTE = (
    "Traffic is what left the machines that have a floating IP, by Prometheus: what they sent to "
    "machines of the stack itself is in it, too."
)


def collect(stack: CloudStack, url: str | None, kept: Iterable[Usage], window: Window) -> Collected:
    """What went out of a stack's servers behind the floating IPs among `kept`.

    By the Prometheus at a URL, without one by the stack's own monitor; a note says where neither
    can be asked.
    """
    name, public = stack.stack.name, ResourceKind.FLOATING_IP
    doors = [each for each in kept if each.kind is public and each.stack == name]
    if not doors:
        return Collected()
    told, why = figures.ask(stack, url, lambda source: sent(source, doors, window))
    return told or Collected(notes=[f"The traffic of {name} is not counted: {why}"])


def sent(source: Source, doors: Iterable[Usage], window: Window) -> Collected:
    """The same by a source at hand, by whole hours. Raises SkytierError."""
    series = source.series(
        BY_ID["network_tx_bytes_per_s"],
        window.start.timestamp(),
        window.end.timestamp(),
        STEP_S,
    )
    by_name = {each.name: each for each in doors}
    found = [used for each in series for used in usages(each, door_of(_machine(each), by_name))]
    notes = [NOTE] if found else []
    if found and any(each.name == load_balancer_address(each.stack).name for each in doors):
        notes.append(OF_WEB_SERVERS)
    return Collected(window.clip(found), notes)


def door_of(machine: str, doors: Mapping[str, Usage]) -> Usage | None:
    """The floating IP by which a machine sends to visitors: its own, or that of the address that
    balancers share, or that of a load balancer in front of it. None without one."""
    for each in doors.values():
        role = owner.role_in(machine, each.stack)
        leads_to = {
            FRONT: virtual_address(each.stack).name,
            BEHIND: load_balancer_address(each.stack).name,
        }
        # By the last one operators enter a machine whose visitors come to another address.
        if role and each.name in (machine, leads_to.get(role), f"{machine}-ssh"):
            return each
    return None


def usages(sent: Series, public: Usage | None) -> list[Usage]:
    """A machine's traffic as usages of the hour before each point; none without a floating IP."""
    if public is None:
        return []
    name = _machine(sent)
    return [
        replace(
            public,
            kind=ResourceKind.TRAFFIC,
            id=f"traffic of {name}",
            name=name,
            role=owner.role_in(name, public.stack),
            start=datetime.fromtimestamp(int(point.at) - STEP_S, UTC),
            end=datetime.fromtimestamp(int(point.at), UTC),
            bytes_out=round(point.value * STEP_S),
        )
        for point in sent.points
    ]


def _machine(series: Series) -> str:
    return series.labels.get("machine", "")

"""Which rates a resource is priced by, and how much of each it is."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from skytier.costs.usage import Resource, ResourceKind, Usage

HOURS_A_MONTH = 730
"""8,760 hours of a year by 12: the month that clouds price by."""
GB = 2**30

_SECONDS = {"hour": 3600, "month": HOURS_A_MONTH * 3600, "": 1}


@dataclass(frozen=True, slots=True)
class Meter:
    """What is counted, and the key of the rate for it."""

    key: str
    """`ram_gib_hour`: it ends with the period, where there is one."""
    what: str
    """`RAM`"""
    unit: str
    """`GiB`"""
    name: str = ""
    """The flavor or volume type that has the rate for itself."""

    @property
    def period(self) -> str:
        """`hour` or `month`: how long one unit is had for the rate; empty for traffic."""
        return _period(self.key)

    @property
    def seconds(self) -> int:
        """The period in seconds; 1 where time does not count."""
        return _SECONDS[self.period]

    @property
    def dotted(self) -> str:
        """The whole key in the rates file: `flavor_hour.m1.small`."""
        return f"{self.key}.{self.name}" if self.name else self.key

    @property
    def counted_in(self) -> str:
        """`GiB-hours`, `GB-months`, `GB`"""
        return f"{self.unit}-{self.period}s" if self.period else self.unit


@cache
def _period(key: str) -> str:
    last = key.rpartition("_")[2]
    return last if last in _SECONDS else ""


VCPU = Meter("vcpu_hour", "vCPU", "vCPU")
RAM = Meter("ram_gib_hour", "RAM", "GiB")
DISK = Meter("disk_gb_month", "disk", "GB")
_VOLUME = Meter("volume_gb_month", "volume", "GB")
_OTHERS = {
    ResourceKind.SNAPSHOT: Meter("snapshot_gb_month", "volume snapshot", "GB"),
    ResourceKind.IMAGE: Meter("image_gb_month", "image", "GB"),
    ResourceKind.OBJECTS: Meter("object_gb_month", "objects", "GB"),
    ResourceKind.FLOATING_IP: Meter("floating_ip_hour", "floating IP", "address"),
    ResourceKind.LOAD_BALANCER: Meter("load_balancer_hour", "load balancer", "balancer"),
    ResourceKind.TRAFFIC: Meter("traffic_gb", "traffic out", "GB"),
}


def meters(
    resource: Resource, flavors: frozenset[str], volume_types: frozenset[str]
) -> list[tuple[Meter, Fraction]]:
    """Each meter of a resource with its units: of traffic in all, of the rest at any moment.

    `flavors` and `volume_types` are those that have a rate of their own.
    """
    match resource.kind:
        # A server that is made of nothing is one whose flavor nobody knows.
        case ResourceKind.SERVER if resource.flavor in flavors or not (
            resource.vcpus or resource.ram_mib
        ):
            own = Meter("flavor_hour", resource.flavor, "server", resource.flavor)
            return [(own, Fraction(1))]
        case ResourceKind.SERVER:
            amounts = [
                (VCPU, Fraction(resource.vcpus)),
                (RAM, Fraction(resource.ram_mib, 1024)),
                (DISK, Fraction(resource.disk_gib)),
            ]
        case ResourceKind.VOLUME:
            volume = _VOLUME
            if (name := resource.volume_type) in volume_types:
                volume = Meter("volume_type_gb_month", f"volume {name}", "GB", name)
            amounts = [(volume, Fraction(resource.size_gb))]
        case ResourceKind.FLOATING_IP | ResourceKind.LOAD_BALANCER:
            amounts = [(_OTHERS[resource.kind], Fraction(1))]
        case ResourceKind.TRAFFIC:
            sent = resource.bytes_out if isinstance(resource, Usage) else 0
            amounts = [(_OTHERS[ResourceKind.TRAFFIC], Fraction(sent, GB))]
        case ResourceKind.OTHER:
            amounts = []
        case _:
            amounts = [(_OTHERS[resource.kind], Fraction(resource.size_gb))]
    return [(meter, units) for meter, units in amounts if units]

"""Which rates a resource is priced by, and how much of each it is."""

from dataclasses import dataclass
from fractions import Fraction

from skytier.costs.usage import Kind, Usage

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
        last = self.key.rpartition("_")[2]
        return last if last in _SECONDS else ""

    @property
    def seconds(self) -> int:
        """The period in seconds; 1 where time does not count."""
        return _SECONDS[self.period]

    @property
    def counted_in(self) -> str:
        """`GiB-hours`, `GB-months`, `GB`"""
        return f"{self.unit}-{self.period}s" if self.period else self.unit


VCPU = Meter("vcpu_hour", "vCPU", "vCPU")
RAM = Meter("ram_gib_hour", "RAM", "GiB")
DISK = Meter("disk_gb_month", "disk", "GB")
_VOLUME = Meter("volume_gb_month", "volume", "GB")
_OTHERS = {
    Kind.SNAPSHOT: Meter("snapshot_gb_month", "volume snapshot", "GB"),
    Kind.IMAGE: Meter("image_gb_month", "image", "GB"),
    Kind.OBJECTS: Meter("object_gb_month", "objects", "GB"),
    Kind.FLOATING_IP: Meter("floating_ip_hour", "floating IP", "address"),
    Kind.LOAD_BALANCER: Meter("load_balancer_hour", "load balancer", "balancer"),
    Kind.TRAFFIC: Meter("traffic_gb", "traffic out", "GB"),
}


def meters(
    usage: Usage, flavors: frozenset[str], volume_types: frozenset[str]
) -> list[tuple[Meter, Fraction]]:
    """Each meter of a resource with its units: of traffic in all, of the rest at any moment.

    `flavors` and `volume_types` are those that have a rate of their own.
    """
    match usage.kind:
        case Kind.SERVER if usage.flavor in flavors:
            own = Meter("flavor_hour", usage.flavor, "server", usage.flavor)
            return [(own, Fraction(1))]
        case Kind.SERVER:
            amounts = [
                (VCPU, Fraction(usage.vcpus)),
                (RAM, Fraction(usage.ram_mib, 1024)),
                (DISK, Fraction(usage.disk_gib)),
            ]
        case Kind.VOLUME:
            volume = _VOLUME
            if (name := usage.volume_type) in volume_types:
                volume = Meter("volume_type_gb_month", f"volume {name}", "GB", name)
            amounts = [(volume, Fraction(usage.size_gb))]
        case Kind.FLOATING_IP | Kind.LOAD_BALANCER:
            amounts = [(_OTHERS[usage.kind], Fraction(1))]
        case Kind.TRAFFIC:
            amounts = [(_OTHERS[usage.kind], Fraction(usage.bytes_out, GB))]
        case _:
            amounts = [(_OTHERS[usage.kind], Fraction(usage.size_gb))]
    return [(meter, units) for meter, units in amounts if units]

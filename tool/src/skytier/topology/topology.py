"""Machines, with what runs on each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from skytier.stackfile import StackFile


@dataclass(frozen=True)
class DataVolume:
    """The volume that a machine keeps its data on."""

    id: str
    """Cinder's. The machine sees the beginning of it as the disk's serial number."""
    size_gib: int


@dataclass(frozen=True)
class Machine:
    """A machine, as services see it."""

    name: str
    """Also its host name: `shop-web-1`."""
    role: str
    number: int
    """From 1."""
    address: str
    """In the private network. Empty while it is not known."""
    memory_mib: int
    vcpus: int
    services: Sequence[str] = ()
    """The names of the services that run on it."""
    metrics: Mapping[str, int] = field(default_factory=dict)
    """The endpoints that the monitor scrapes: the job's name to the port."""
    duty: str = ""
    """`primary` for a database that takes writes."""
    public: bool = False
    """Whether visitors come to it: by a floating IP, or a load balancer passes them on to it."""
    volume: DataVolume | None = None
    """None where the data is on the machine's own disk."""
    ipv6: str = ""
    """Its IPv6 address. Empty while it is not known, and for a stack without IPv6."""


@dataclass(frozen=True)
class Spending:
    """What the stack costs each month, and what it may cost. Amounts are with tax."""

    currency: str = "USD"
    per_month: Decimal | None = None
    """Without traffic and without what has no known price. None where nothing has one."""
    budget_per_month: Decimal | None = None
    """None where there is no budget."""


@dataclass(frozen=True)
class ObjectStore:
    """A container of an object store, by its S3 API."""

    endpoint: str
    """`https://objects.example.org`"""
    bucket: str
    region: str
    access_key_id: str | None
    """The public part of the key. Empty while it is not known, None where the operator gives the
    key."""


@dataclass(frozen=True)
class Topology:
    """A whole stack, as services see it. It holds no secret."""

    stack: StackFile
    machines: Sequence[Machine]
    """In the order of the roles, then by number."""
    public_address: str | None = None
    """The floating IP of the entry point. None while it is not known."""
    spending: Spending = Spending()
    moving: bool = False
    """Whether the floating IP still leads to another machine than the entry point."""
    leaving: Sequence[Machine] = ()
    """The balancers that visitors still come through, although the stack is to have none."""
    leaves_load_balancer: bool = False
    """Whether visitors still come through a load balancer, although the stack is to have none."""
    virtual_address: str = ""
    """The private address that two balancers share. Empty while it is not known, and for a stack
    that has none."""
    object_store: ObjectStore | None = None
    """None where the stack has none."""
    backup_stores: Mapping[str, ObjectStore] = field(default_factory=dict)
    """Where backups of the database go, by the name of each place that is an S3 API."""
    public_ipv6: str = ""
    """The IPv6 address of the entry point. Empty while it is not known, and without IPv6."""

    def of(self, role: str) -> list[Machine]:
        """The machines of a role, by number."""
        return sorted((m for m in self.machines if m.role == role), key=lambda m: m.number)

    def running(self, service: str, duty: str = "") -> list[Machine]:
        """The machines that a service runs on, with a duty if one is named."""
        return [
            machine
            for machine in self.machines
            if service in machine.services and duty in ("", machine.duty)
        ]

    @property
    def monitor(self) -> Machine | None:
        """The machine that Prometheus runs on. None where the stack is not watched."""
        return next(iter(self.running("prometheus")), None)

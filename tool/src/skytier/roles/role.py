"""What every kind of machine says of itself. A new kind is a new folder beside this file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

ANYWHERE = "0.0.0.0/0"
PRIVATE = "private"
"""Stands for the stack's private network as the remote of an ingress rule."""


@dataclass(frozen=True)
class IngressRule:
    """A TCP port that a machine's security group opens, and for whom.

    `remote` is a network (`203.0.113.0/24`), the name of a role, whose machines may come, or
    PRIVATE.
    """

    port: int
    remote: str


@dataclass(frozen=True)
class DataVolume:
    """The volume that a machine keeps its data on."""

    id: str
    """Cinder's, which the machine sees the beginning of as the disk's serial number."""
    size_gib: int


@dataclass(frozen=True)
class Machine:
    """A machine as its configuration sees it."""

    name: str
    """Also its host name: `shop-web-1`."""
    role: str
    number: int
    """From 1."""
    address: str
    """In the private network."""
    memory_mib: int
    vcpus: int
    metrics: Mapping[str, int] = field(default_factory=dict)
    """What it tells the monitor: the job's name to the port."""
    volume: DataVolume | None = None
    """None where the data is on the machine's own disk."""


@dataclass(frozen=True)
class MonitoringConfig:
    """How a stack is watched. It holds no secret: the password is `smtp_password`."""

    retention: str = "2GB"
    latency_objective_ms: int = 500
    webhook: str = ""
    email: str = ""
    """One address or several, with commas between."""
    smtp_server: str = ""
    smtp_from: str = ""
    smtp_username: str = ""
    currency: str = "USD"
    cost_per_month: Decimal | None = None
    """By the plan; None where it is not known."""
    budget_per_month: Decimal | None = None
    """None where nobody set one."""


@dataclass(frozen=True)
class Topology:
    """The whole stack as a machine's configuration sees it. It holds no secret."""

    stack: str
    machines: Sequence[Machine]
    cidr: str
    """The private network: `192.168.128.0/24`."""
    tls: str = "off"
    """`off`, `self-signed` or `acme`."""
    domain: str | None = None
    public_address: str | None = None
    """The floating IP."""
    email: str | None = None
    """Whom the certificate authority writes to: one address or several, with commas between."""
    acme_server: str = "https://acme-v02.api.letsencrypt.org/directory"
    """The directory of the certificate authority (RFC 8555)."""
    packages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """More packages than the role needs, by role."""
    api_from: Sequence[str] = ()
    """Networks that may reach the application's port 8000 past Nginx."""
    monitoring: MonitoringConfig | None = None
    """None where the stack is not watched."""

    @property
    def monitor(self) -> Machine | None:
        """The machine that the monitor is on: one of its own, or else the first web server."""
        carriers = [*self.of("monitor"), *self.of("web")] if self.monitoring else []
        return carriers[0] if carriers else None

    def of(self, role: str) -> list[Machine]:
        """The machines of a role, by number."""
        return sorted((m for m in self.machines if m.role == role), key=lambda m: m.number)


@dataclass(frozen=True)
class File:
    """A file that the tool puts on a machine."""

    path: str
    text: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Check:
    """A question to a machine: a bash script, run as root.

    It exits with 0 and a word on how it is, or with 1 and, on its standard output, what is wrong:
    one line, then the log lines that say why.
    """

    name: str
    script: str
    needs_release: bool = False
    """Whether it makes sense only once a release has been shipped."""
    outside: bool = False
    """Whether it waits for somebody outside the stack: `up` ends well without it, and `status`
    follows it."""


@dataclass(frozen=True)
class Setup:
    """How a machine is brought to what it should be, over SSH. Running it again changes nothing.

    Setups add up: a machine's is that of all machines, its role's, and that of what else is on it.

    In this order: `files` are put in place, `secrets` too (each as /etc/skytier/secrets/NAME,
    readable by root only), then `script` runs: bash, as root. All of it may begin as soon as the
    machine answers by SSH: the script waits for cloud-init itself, and every file belongs to root,
    because other accounts come with packages.
    """

    files: Sequence[File]
    script: str
    checks: Sequence[Check]
    secrets: Sequence[str] = ()
    """Names of secrets that the script needs: `database_password`."""

    def __add__(self, other: "Setup") -> "Setup":
        """Both; the other one's script comes second, and finds the functions of the first."""
        return Setup(
            files=[*self.files, *other.files],
            script=f"{self.script}\n{other.script}",
            checks=[*self.checks, *other.checks],
            secrets=tuple(dict.fromkeys([*self.secrets, *other.secrets])),
        )


class Role(Protocol):
    """A kind of machine."""

    @property
    def name(self) -> str:
        """Its folder, and what it is called in the stack file."""

    @property
    def public(self) -> bool:
        """Whether it gets a floating IP; the first public machine is the bastion."""

    @property
    def holds_data(self) -> str:
        """What is lost with one of its machines, so that none is ever replaced: `the data`."""

    @property
    def runs_application(self) -> bool:
        """Whether its machines get the application's releases."""

    @property
    def colocated_with(self) -> str:
        """The role on whose first machine it is where it has none of its own; empty for most."""

    @property
    def metrics(self) -> Mapping[str, int]:
        """What its machines tell the monitor besides `node`: the job's name to the port."""

    @property
    def units(self) -> Sequence[str]:
        """The systemd units whose logs matter; a pattern such as `postgresql@*` too."""

    def ingress_rules(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[IngressRule]:
        """What its security group lets in."""

    def packages(self, topology: Topology, machine: Machine) -> Sequence[str]:
        """The packages that it needs on a machine, as Debian and Ubuntu name them."""

    def setup(self, topology: Topology, machine: Machine) -> Setup:
        """Its part of how a machine is set up, after the part of all machines.

        The machine is one of its own, or one of the role that it lodges with: then on all but the
        first it takes away what an earlier arrangement left there.
        """

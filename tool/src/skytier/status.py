"""What `skytier status` says: the same shape with and without a cloud."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ServiceStatus:
    """Something that runs, or a check that passes, on a machine. `pid` only on this machine."""

    name: str
    running: bool
    pid: int | None
    detail: str


@dataclass(frozen=True)
class MachineStatus:
    """A machine with its role. On this machine these are the roles' places in it.

    `address` is where it is reached; `addresses` are all that it has. `release` is the one of the
    application that it runs, if it runs one.
    """

    name: str
    role: str
    address: str
    healthy: bool
    services: list[ServiceStatus]
    addresses: list[str]
    release: str | None = None


@dataclass(frozen=True)
class ProcessStatus:
    """A process of the application, the web among them. What is not known is None."""

    machine: str
    name: str
    number: int
    release: str
    state: str
    """`running`, `stopping` while it finishes its work, or why it does not run."""
    pid: int | None
    age_s: int | None
    memory_bytes: int | None
    restarts: int


@dataclass(frozen=True)
class JobStatus:
    """A job with its last run, which may go on. Times are ISO 8601 in UTC."""

    name: str
    at: str
    """The times, as systemd's OnCalendar says them."""
    next: str | None
    """None when there is no time any more."""
    state: Literal["never", "running", "ended", "lost", "unknown"]
    """`lost` when its machine was; `unknown` when the database could not be asked."""
    host: str | None = None
    began: str | None = None
    seconds: float | None = None
    exit_code: int | None = None
    last_success: str | None = None
    skipped: str | None = None
    """The last time that was skipped, because an earlier run went on."""


@dataclass(frozen=True)
class ContainerStatus:
    """A container of the cloud's object store, as the store counts what is in it, which may be some
    minutes old."""

    name: str
    objects: int
    bytes: int


@dataclass(frozen=True)
class Drift:
    """A step that `skytier up` would do."""

    resource: str
    kind: str
    action: str
    reason: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with a resource, or on a machine, and what becomes of it."""

    resource: str
    kind: str
    """`server`, `volume`, `disk`, `clock`, `unit`, or the name of a check."""
    what: str
    up: str
    """What `skytier up` does about it; empty for nothing."""
    do: str
    """What a person can do about it, as a sentence of advice; empty where `up` is enough."""


@dataclass(frozen=True)
class Status:
    """The whole stack. `cloud` is None for the one on this machine."""

    name: str
    cloud: str | None
    url: str
    healthy: bool
    machines: list[MachineStatus]
    drift: list[Drift]
    jobs: list[JobStatus] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    ipv6_url: str = ""
    """The entry point by IPv6; empty for a stack without it."""
    ipv6_wrong: str = ""
    """What keeps visitors out by IPv6, as a sentence; empty where nothing is known to."""
    containers: list[ContainerStatus] = field(default_factory=list)

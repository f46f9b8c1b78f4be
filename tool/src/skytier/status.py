"""What `skytier status` says: the same shape with and without a cloud."""

from dataclasses import dataclass


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
class Drift:
    """A step that `skytier up` would do."""

    resource: str
    kind: str
    action: str
    reason: str


@dataclass(frozen=True)
class Status:
    """The whole stack. `cloud` is None for the one on this machine."""

    name: str
    cloud: str | None
    url: str
    healthy: bool
    machines: list[MachineStatus]
    drift: list[Drift]

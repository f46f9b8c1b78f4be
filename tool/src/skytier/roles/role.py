"""A kind of machine: which services run on it, and what is lost with it. Data only."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.services.service import Service


@dataclass(frozen=True)
class Role:
    """A kind of machine. How many there are is in its section of the stack file."""

    name: str
    """Also the name of its section in the stack file."""
    services: Sequence[Service]
    """Besides those that run on every machine."""
    public: bool = False
    """Whether each machine gets a floating IP. The first public machine is the entry point and the
    bastion."""
    holds_data: str = ""
    """What is lost with one of its machines, so that none is ever replaced: `the data`."""
    holds_secrets: bool = False
    """Whether its first machine can keep the secrets of the stack. The first such role that a stack
    has does."""
    duty: str = ""
    """`primary`: its machines take writes."""
    colocated_with: str = ""
    """The role on whose first machine its services run where it has no machine of its own."""
    single: bool = False
    """Whether there is never more than one machine."""

    @property
    def runs_application(self) -> bool:
        """Whether its machines get the application's releases."""
        return any(service.name == "application" for service in self.services)

    @property
    def units(self) -> list[str]:
        """The systemd units whose logs matter."""
        return [unit for service in self.services for unit in service.units]

"""A kind of machine: which services run on it, and what is lost with it. Data only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from skytier.services.service import Service
from skytier.stackfile import StackFile


@dataclass(frozen=True)
class Role:
    """A kind of machine. How many there are is in its section of the stack file."""

    name: str
    """Also the name of its section in the stack file."""
    services: Sequence[Service]
    """Besides those that run on every machine."""
    public: bool = False
    """Whether its machines can have floating IPs. The first machine of the role that has them is
    the entry point and the bastion."""
    fronts: str = ""
    """The role whose visitors come through this one: its machines then have no floating IP."""
    holds_data: str = ""
    """What is lost with one of its machines, so that none is ever replaced: `the data`."""
    holds_secrets: bool = False
    """Whether its first machine can keep the secrets of the stack. The first such role that a stack
    has does."""
    duty: str = ""
    """`primary`: its machines take writes."""
    colocated_with: Sequence[str] = ()
    """The roles on whose first machine its services run where it has no machine of its own: that of
    the first of them that the stack has."""
    members: Callable[[StackFile], Sequence[tuple[str, int]]] = lambda stack: ()
    """Role and number of several machines that its services run on, instead of `colocated_with`,
    where it has no machines of its own."""
    single: bool = False
    """Whether there is never more than one machine."""

    def hosts(self, stack: StackFile) -> Sequence[tuple[str, int]]:
        """Role and number of the machines that its services run on; none where it has its own."""
        if not self.colocated_with or self.name in (there := stack.machines()):
            return ()
        first = [(name, 1) for name in self.colocated_with if name in there][:1]
        return self.members(stack) or first

    @property
    def runs_application(self) -> bool:
        """Whether its machines get the application's releases."""
        return any(service.name == "application" for service in self.services)


def public_role(stack: StackFile, roles: Mapping[str, Role]) -> str:
    """The role whose machines have floating IPs. Its first machine is the entry point."""
    machines = stack.machines()
    there = [role for name, role in roles.items() if name in machines]
    behind = {role.fronts for role in there}
    return next(role.name for role in there if role.public and role.name not in behind)

"""A stack file with what was chosen for it, and the stack as its machines see it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from skytier import roles
from skytier.costs import budget
from skytier.costs.price_list import PriceList
from skytier.costs.rates import EXAMPLE, for_stack
from skytier.deploy.kind import Key, Known
from skytier.errors import SkytierError
from skytier.openstack.choices import Choices
from skytier.openstack.resources.volume import Volume
from skytier.roles.common import USER_DATA_LIMIT, encoded_size
from skytier.roles.fingerprint import fingerprint
from skytier.roles.role import (
    DataVolume,
    IngressRule,
    Machine,
    MonitoringConfig,
    Role,
    Setup,
    Topology,
)
from skytier.stackfile import StackFile


@dataclass(frozen=True)
class ResolvedStack:
    """A stack file with the cloud's choices for what it leaves open."""

    stack: StackFile
    choices: Choices
    roles: Mapping[str, Role]
    release: str
    """The id of the application's release that should run."""
    prices: PriceList | None = None
    """What all of it is priced by; without it the rates file of the stack file, or examples."""

    def key(self, kind: str, role: str = "", number: int = 0) -> Key:
        """`shop-web-1` for a machine's resources, `shop-web` for a role's, else `shop-network`."""
        parts = [
            self.stack.name,
            role or kind.replace(" ", "-"),
            *([str(number)] if number else []),
        ]
        return Key(kind, "-".join(parts))

    def machines(self) -> list[tuple[str, int]]:
        """Role and number of every machine, in the order of the roles."""
        machines = self.stack.machines()
        return [
            (role, number)
            for role in self.roles
            if role in machines
            for number in range(1, machines[role].machines + 1)
        ]

    def topology(self, known: Known) -> Topology:
        """The stack as its machines see it, with the addresses that are known so far."""
        machines = []
        for role, number in self.machines():
            port = known.get(self.key("port", role, number))
            flavor = self.choices.flavors[role]
            machines.append(
                Machine(
                    name=self.key("server", role, number).name,
                    role=role,
                    number=number,
                    address=port.facts["address"] if port else "",
                    memory_mib=flavor.ram_mib,
                    vcpus=flavor.vcpus,
                    metrics=roles.metrics(role),
                    volume=self._volume(role, number, known),
                )
            )
        stack, entry = self.stack, known.get(self.entry_point())
        return Topology(
            stack=stack.name,
            machines=machines,
            cidr=stack.cidr,
            tls=stack.tls,
            domain=stack.domain,
            acme_server=stack.acme_server,
            email=",".join(stack.email) or None,
            public_address=entry.facts["address"] if entry else None,
            api_from=stack.api_from,
            packages={role: each.packages for role, each in stack.machines().items()},
            monitoring=self._watching(),
        )

    def _volume(self, role: str, number: int, known: Known) -> DataVolume | None:
        size_gib = self.stack.volumes().get(role)
        if size_gib is None:
            return None
        found = known.get(self.key(Volume.name, role, number))
        return DataVolume(found.id if found else "", size_gib)

    def _watching(self) -> MonitoringConfig | None:
        wanted = self.stack.monitor
        if not wanted.enabled:
            return None
        return MonitoringConfig(
            retention=wanted.retention,
            latency_objective_ms=wanted.latency_objective_ms,
            webhook=wanted.webhook or "",
            email=", ".join(wanted.email),
            smtp_server=wanted.smtp_server or "",
            smtp_from=wanted.smtp_from or next(iter(wanted.email), ""),
            smtp_username=wanted.smtp_username or "",
            currency=self._cost.currency,
            cost_per_month=self._cost.cost,
            budget_per_month=self._cost.budget,
        )

    @cached_property
    def _cost(self) -> budget.PerMonth:
        return budget.per_month(
            self.price_list.rates.on(), self.stack, self.roles, self.choices.flavors
        )

    @cached_property
    def price_list(self) -> PriceList:
        """What it is priced by. Raises SkytierError when the rates file cannot be read."""
        return self.prices or PriceList(for_stack(self.stack))

    def ingress_rules(self, role: str) -> list[IngressRule]:
        """What the security group of a role lets in: who asks for what it does, and the monitor."""
        stack = self.stack
        own = self.roles[role].ingress_rules(stack.ssh_from, stack.api_from)
        if not stack.monitor.enabled or role == "monitor":
            return own
        monitor = "monitor" if stack.monitor.dedicated else self.roles["monitor"].colocated_with
        return [*own, *(IngressRule(port, monitor) for port in roles.metrics(role).values())]

    def entry_point(self) -> Key:
        """The floating IP of the first public machine, which is the bastion too."""
        role = next(name for name, role in self.roles.items() if role.public)
        return self.key("floating IP", role, 1)

    def way_in(self) -> list[Key]:
        """What has to be there to get into any machine: the bastion and its floating IP."""
        entry = self.entry_point()
        return [Key("server", entry.name), entry]

    def setup(self, role: str, number: int, known: Known) -> Setup:
        """How a machine is set up, with what is known so far."""
        topology = self.topology(known)
        return roles.setup(topology, _machine_of(topology, role, number))

    def fingerprint(self, role: str, number: int, known: Known) -> str:
        """Another once the machine has to be set up again.

        Also when a machine that keeps secrets is another: its secrets are. Prices are not in it,
        since they change by themselves, and may not be told at the moment. What there is to pay for
        is: it is priced by rates that stay the same.
        """
        priced = replace(self, prices=PriceList(EXAMPLE))
        places = [place for place in self.machines() if self.roles[place[0]].holds_data]
        servers = [known.get(self.key("server", *place)) for place in places]
        keepers = (
            [] if self.roles[role].holds_data else [each.id if each else "" for each in servers]
        )
        return fingerprint(priced.setup(role, number, known), keepers)

    def user_data(self, role: str, number: int) -> str:
        """What a machine is told at its first boot. Raises SkytierError when it is too long."""
        topology = self.topology(Known())
        text = roles.user_data(topology, _machine_of(topology, role, number))
        if (size := encoded_size(text)) > USER_DATA_LIMIT:
            raise SkytierError(
                f"The user-data of the role {role} has {size} bytes after base64, and Nova takes "
                f"{USER_DATA_LIMIT}.",
                f"Name fewer packages in the section [{role}] of the stack file.",
            )
        return text


def _machine_of(topology: Topology, role: str, number: int) -> Machine:
    return next(machine for machine in topology.of(role) if machine.number == number)

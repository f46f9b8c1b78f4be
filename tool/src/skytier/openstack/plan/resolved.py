"""A stack file with what was chosen for it, and the stack as its machines see it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from skytier import roles
from skytier.costs import budget
from skytier.costs.price_list import PriceList
from skytier.costs.rates import EXAMPLE, for_stack
from skytier.deploy.kind import Key, Known
from skytier.errors import SkytierError
from skytier.openstack.choices import roots
from skytier.openstack.choices.choices import Choices
from skytier.openstack.entry_point import (
    BEHIND,
    FRONT,
    address_of,
    first_public,
    ipv6_of,
    leads_to,
    load_balancer_address,
    virtual_address,
)
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan import given_secrets
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.interface import place_of
from skytier.openstack.resources.volume import Volume
from skytier.release import Application, Platform
from skytier.release.author import author
from skytier.release.history import Author
from skytier.roles.role import Role, public_role
from skytier.secrets import vault
from skytier.services.setup import Setup
from skytier.services.system.service import USER_DATA_LIMIT, encoded_size
from skytier.stackfile import StackFile
from skytier.stackfile.storage import KEYSTONE
from skytier.topology import (
    DataVolume,
    IngressRule,
    Machine,
    ObjectStore,
    Spending,
    Topology,
)


@dataclass(frozen=True)
class Pinned:
    """A release that lies on the machines."""

    id: str
    source: str
    """The id of its source."""


@dataclass(frozen=True)
class ResolvedStack:
    """A stack file with the cloud's choices for what it leaves open."""

    stack: StackFile
    choices: Choices
    roles: Mapping[str, Role]
    application: Application
    prices: PriceList | None = None
    """What all of it is priced by; without it the rates file of the stack file, or examples."""

    pinned: Pinned | None = None
    """The release that a rollback led to, where it is to stay."""
    s3_endpoint: str = ""
    """The address of the object store's S3 API; empty where the stack has no container."""
    backup_endpoints: Mapping[str, str] = field(default_factory=dict)
    """The address of the S3 API of each place of the backups that is one."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The secrets that this run was given: name to the mark that `given_secrets` makes."""

    @cached_property
    def release(self) -> str:
        """The id of the wanted release's source: `0.1.0-3f2a9c81d0e4`."""
        return self.pinned.source if self.pinned else self.application.release

    @property
    def platform(self) -> Platform | None:
        """What the application will probably run on."""
        role = next(name for name, role in self.roles.items() if role.runs_application)
        system = self.choices.systems.get(role)
        return Platform.likely(system) if system else None

    @cached_property
    def author(self) -> Author:
        """Who releases it, now."""
        return author(self.application.source, self.release)

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
        """The stack as its services see it, with the addresses that are known so far."""
        machines, public = [], public_role(self.stack, self.roles)
        moves_from, passed_on = self.moves_from(known), self.leaves_load_balancer(known)
        for role, number in self.machines():
            port = known.get(self.key("port", role, number))
            # One that is made again has the same address.
            server = known.get(self.key("server", role, number))
            noted = "" if self.choices.given else place_of(server).get("address", "")
            flavor = self.choices.flavors[role]
            machines.append(
                Machine(
                    name=self.key("server", role, number).name,
                    role=role,
                    number=number,
                    address=port.facts["address"] if port else noted,
                    memory_mib=flavor.ram_mib,
                    vcpus=flavor.vcpus,
                    services=[each.name for each in roles.services_on(self.stack, role, number)],
                    metrics=roles.metrics(self.stack, role, number),
                    duty=self.roles[role].duty,
                    # The first one of another role has the address until it moves; a load balancer
                    # leads to all of them.
                    public=role == public or (role == moves_from and (passed_on or number == 1)),
                    volume=self._volume(role, number, known),
                    ipv6=ipv6_of(self.stack, self.key("port", role, number).name, known),
                )
            )
        entry, shared = known.get(self.entry_point()), known.get(self.virtual_address())
        return Topology(
            stack=self.stack,
            machines=machines,
            public_address=entry.facts["address"] if entry else None,
            spending=self._spending(known) if self.stack.monitor.enabled else Spending(),
            moving=bool(moves_from),
            leaving=self._leaving(known),
            leaves_load_balancer=passed_on,
            object_store=self._object_store(known),
            backup_stores=self._backup_stores(known),
            public_ipv6=ipv6_of(self.stack, self.entry_point().name, known),
            virtual_address=shared.facts["address"] if shared else "",
        )

    def _leaving(self, known: Known) -> Sequence[Machine]:
        role = self.moves_from(known)
        if not role or role in self.stack.machines():
            return ()
        return [
            Machine(
                *(name, role, number, known[Key("port", name)].facts["address"], 0, 0),
                services=[service.name for service in self.roles[role].services],
            )
            for number, name in enumerate(self.led_to(known), 1)
        ]

    def _object_store(self, known: Known) -> ObjectStore | None:
        storage = self.stack.storage
        if storage.bucket is None:
            return None
        found = known.get(self.ec2_credential())
        access = found.id if found else ""
        made = access if storage.keys == KEYSTONE else None
        return ObjectStore(self.s3_endpoint, storage.bucket, storage.region, made)

    def _backup_stores(self, known: Known) -> Mapping[str, ObjectStore]:
        found = known.get(self.ec2_credential())
        access = found.id if found else ""
        return {
            name: ObjectStore(
                self.backup_endpoints.get(name, ""),
                *(place.bucket, place.region, access if place.makes_key else None),
            )
            for name, place in self.stack.backup.places.items()
            if place.is_s3 and place.bucket is not None
        }

    def ec2_credential(self) -> Key:
        """The key of the S3 API."""
        return self.key(Ec2Credential.name, "s3")

    def _volume(self, role: str, number: int, known: Known) -> DataVolume | None:
        size_gib = self.stack.volumes().get(role)
        if size_gib is None:
            return None
        found = known.get(self.key(Volume.name, role, number))
        return DataVolume(found.id if found else "", size_gib)

    def image(self, role: str, number: int, known: Known) -> str:
        """The name of the image that a machine is to have. Where none is named, no newer one of the
        cloud replaces a server."""
        there = known.get(self.key("server", role, number))
        keeps = there is not None and not there.fault and self.stack.image_of(role) is None
        return there.attributes["image"] if there and keeps else self.choices.images[role].name

    def root_gib(self, role: str, number: int, known: Known, *, keeps: bool) -> int:
        """The size, in GiB, of the volume that a machine is to boot from; 0 for none. `keeps` is as
        for `roots.of_server`."""
        there = known.get(self.key("server", role, number))
        image = self.image(role, number, known)
        if there and not there.fault and there.attributes["image"] != image:
            there = None  # it is replaced
        chosen = self.choices.roots.get(role, 0)
        return roots.of_server(self.stack, role, chosen, there, keeps=keeps)

    def _spending(self, known: Known) -> Spending:
        found = {
            place: self.root_gib(*place, known, keeps=bool(self.roles[place[0]].holds_data))
            for place in self.machines()
        }
        volumes = tuple(found.values())
        if volumes not in self._spendings:  # asked for each machine
            self._spendings[volumes] = budget.per_month(
                *(self.price_list.rates.on(), self.stack, self.roles, self.choices.flavors),
                lambda role, number: found[role, number],
            )
        return self._spendings[volumes]

    @cached_property
    def _spendings(self) -> dict[tuple[int, ...], Spending]:
        """By the root volumes of the machines."""
        return {}

    @cached_property
    def price_list(self) -> PriceList:
        """What it is priced by. Raises SkytierError when the rates file cannot be read."""
        return self.prices or PriceList(for_stack(self.stack))

    def ingress_rules(self, known: Known) -> Mapping[str, Sequence[IngressRule]]:
        """Role to what its security group lets in."""
        moves_from = self.moves_from(known)
        return roles.ingress_rules(
            self.stack,
            moves_from,
            leaves_load_balancer=self.leaves_load_balancer(known),
            through_first=self.leads_on(known),
            entered=self.still_entered(known),
        )

    def entry_point(self) -> Key:
        """What has the address of the first public machine, which is the bastion too; or of the
        machines that share one."""
        return address_of(self.stack)

    def bastion(self) -> str:
        """The name of the first public machine."""
        return first_public(self.stack)

    def virtual_address(self) -> Key:
        """What holds the private address that the balancers share."""
        return virtual_address(self.stack.name)

    def shares_address(self, known: Known) -> bool:
        """Whether balancers share an address; also while the entry point's floating IP still leads
        to the one that they shared."""
        left = leads_to(self.entry_point(), known) == self.virtual_address().name
        return self.stack.shares_address or left

    def leaves_load_balancer(self, known: Known) -> bool:
        """Whether visitors still come through a load balancer, although there is to be none."""
        held = load_balancer_address(self.stack.name)
        led_to = leads_to(self.entry_point(), known) == held.name
        return not self.stack.has_load_balancer and led_to

    def ssh_address(self, role: str, number: int) -> Key:
        """The floating IP by which operators enter a machine where visitors come to an address that
        is no machine's."""
        return Key("floating IP", f"{self.key('server', role, number).name}-ssh")

    def led_to(self, known: Known) -> list[str]:
        """The names of the machines that the entry point's address leads to now: those that share
        it, or one; none while there is no address. Behind a load balancer it is the first web
        server, which leads operators in."""
        name = leads_to(self.entry_point(), known)
        if name == load_balancer_address(self.stack.name).name:
            first = f"{self.stack.name}-{BEHIND}-1"
            return [first] if Key("port", first) in known else []
        if name != self.virtual_address().name:
            return [name] if name else []
        servers = [key for key in known if key.kind == "server"]
        shares = [key.name for key in servers if known[key].facts["role"] == FRONT]
        return sorted(each for each in shares if Key("port", each) in known)

    def leads_on(self, known: Known) -> bool:
        """Whether the first public machine leads operators to another one only until that, which
        has no floating IP of its own, is deleted."""
        # A load balancer leaves the others without one anyway.
        if not self.stack.has_floating_ips or self.stack.has_load_balancer:
            return False
        public, addressed = public_role(self.stack, self.roles), self._addressed(known)
        return any(
            found.facts.get("role") == public and key.name not in addressed
            for key, found in self._leaving_servers(known).items()
        )

    def still_entered(self, known: Known) -> Set[str]:
        """The roles that are not public, of machines that are to go and have floating IPs."""
        addressed = self._addressed(known)
        leaving = self._leaving_servers(known).items()
        found = {found.facts.get("role", "") for key, found in leaving if key.name in addressed}
        return found - {public_role(self.stack, self.roles)}

    def _leaving_servers(self, known: Known) -> Known:
        stay = {self.key("server", *place) for place in self.machines()}
        return Known({k: f for k, f in known.items() if k.kind == "server" and k not in stay})

    @staticmethod
    def _addressed(known: Known) -> Set[str]:
        return {leads_to(key, known) for key in known if key.kind == "floating IP"}

    def moves_from(self, known: Known) -> str:
        """The role of the machines that the entry point's floating IP is to move away from; empty
        where it stays. They can be of the role that it moves to."""
        name = leads_to(self.entry_point(), known)
        if name in ("", self.entry_point().name):
            return ""
        if name == self.virtual_address().name:
            return FRONT
        if name == load_balancer_address(self.stack.name).name:
            return BEHIND
        server = known.get(Key("server", name))
        return str(server.facts["role"]) if server else ""

    def secret_store(self) -> Key:
        """The server that keeps the secrets of the stack."""
        return self.key("server", *roles.secret_store(self.stack))

    def secret_keepers(self) -> list[str]:
        """The servers that have all secrets of the stack: that one, and the other members of the
        database."""
        keeper, number = roles.secret_store(self.stack)
        holds_data = self.roles[keeper].holds_data
        numbers = range(1, self.stack.machines()[keeper].machines + 1) if holds_data else [number]
        return [self.key("server", keeper, each).name for each in numbers]

    def setup(self, role: str, number: int, known: Known) -> Setup:
        """How a machine is set up, with what is known so far."""
        topology = self.topology(known)
        return roles.setup(topology, _machine_of(topology, role, number))

    def installed(self, role: str, known: Known) -> Setup:
        """The packages of a role's first machine, on one that runs none of its services."""
        topology = self.topology(known)
        return roles.installed(topology, _machine_of(topology, role, 1))

    def fingerprint(self, role: str, number: int, known: Known) -> str:
        """Another once the machine has to be set up again.

        Also when the database server, which keeps the secrets, is another one, since its secrets
        are. Prices are not in it: they change by themselves, and may not be known at the moment.
        What there is to pay for is in it, priced by rates that stay the same.
        """
        keeper, _ = roles.secret_store(self.stack)
        store = known.get(self.secret_store())
        # Those of a web server are carried over to the one in its place, and each of several
        # members has those of the others.
        several = len(self.secret_keepers()) > 1
        stay = role == keeper or several or not self.roles[keeper].holds_data
        from_elsewhere = [] if stay else [store.id if store else ""]
        return self._at_example_rates.setup(role, number, known).fingerprint(from_elsewhere)

    @cached_property
    def _at_example_rates(self) -> "ResolvedStack":
        return replace(self, prices=PriceList(EXAMPLE))

    def with_given(self, operator: OperatorFiles, known: Known) -> "ResolvedStack":
        """The same with the secrets that are in the environment of this run."""
        there = vault.given(roles.secrets(self.topology(known)))
        return replace(self, given=given_secrets.marks(operator, there))

    def given_anew(self, role: str, number: int, known: Known) -> list[str]:
        """The names of the secrets that this run was given, and a machine was not set up with."""
        if not self.given:
            return []
        there = given_secrets.noted(known.get(self.key("server", role, number)))
        names = self.setup(role, number, known).secrets
        return [name for name in names if self.given.get(name, "") not in {"", *there}]

    def user_data(self, role: str, number: int) -> str:
        """What a machine is told at its first boot. Raises SkytierError when it is too long."""
        topology = self.topology(Known())
        return _fitting(role, roles.user_data(topology, _machine_of(topology, role, number)))

    def bake_data(self, role: str) -> str:
        """The same for the machine that the image of a role is made from."""
        topology = self.topology(Known())
        return _fitting(role, roles.bake(topology, _machine_of(topology, role, 1)))


def _fitting(role: str, text: str) -> str:
    """A user-data of a role. Raises SkytierError when Nova does not take it."""
    if (size := encoded_size(text)) > USER_DATA_LIMIT:
        raise SkytierError(
            f"The user-data of the role {role} has {size} bytes after base64, and Nova takes "
            f"{USER_DATA_LIMIT}.",
            f"Name fewer packages in the section [{role}] of the stack file.",
        )
    return text


def _machine_of(topology: Topology, role: str, number: int) -> Machine:
    return next(machine for machine in topology.of(role) if machine.number == number)

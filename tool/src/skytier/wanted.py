"""What a stack is made of: from the stack file to every resource that should be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from skytier import roles
from skytier.cloud.choices import Choices
from skytier.costs import budget
from skytier.costs.price_list import PriceList
from skytier.costs.rates import for_stack
from skytier.errors import SkytierError
from skytier.resources.kind import Key, Known, Wanted
from skytier.resources.project import Project
from skytier.resources.server import RUNNING
from skytier.resources.volume import KEPT, Volume
from skytier.resources.volume_attachment import VolumeAttachment
from skytier.roles.common import USER_DATA_LIMIT, encoded_size
from skytier.roles.fingerprint import fingerprint
from skytier.roles.role import (
    PRIVATE,
    DataVolume,
    Machine,
    Opening,
    Role,
    Setup,
    Site,
    Watching,
)
from skytier.stack import StackFile

CONFIGURATION, DELIVERY, RELEASE = "configuration", "delivery", "release"
IN_SERVERS = frozenset({CONFIGURATION, DELIVERY, RELEASE})
"""The kinds that live in servers; all others are OpenStack's own."""


@dataclass(frozen=True)
class Blueprint:
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

    def places(self) -> list[tuple[str, int]]:
        """Role and number of every machine, in the order of the roles."""
        machines = self.stack.machines()
        return [
            (role, number)
            for role in self.roles
            if role in machines
            for number in range(1, machines[role].machines + 1)
        ]

    def site(self, known: Known) -> Site:
        """The stack as its machines see it, with the addresses that are known so far."""
        machines = []
        for role, number in self.places():
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
        stack, door = self.stack, known.get(self.front_door())
        return Site(
            stack=stack.name,
            machines=machines,
            cidr=stack.cidr,
            tls=stack.tls,
            domain=stack.domain,
            acme_server=stack.acme_server,
            email=stack.email,
            public_address=door.facts["address"] if door else None,
            api_from=stack.api_from,
            packages={role: each.packages for role, each in stack.machines().items()},
            watching=self._watching(),
        )

    def _volume(self, role: str, number: int, known: Known) -> DataVolume | None:
        size_gib = self.stack.volumes().get(role)
        if size_gib is None:
            return None
        found = known.get(self.key(Volume.name, role, number))
        return DataVolume(found.id if found else "", size_gib)

    def _watching(self) -> Watching | None:
        wanted = self.stack.monitor
        if not wanted.enabled:
            return None
        return Watching(
            retention=wanted.retention,
            latency_objective_ms=wanted.latency_objective_ms,
            webhook=wanted.webhook or "",
            email=wanted.email or "",
            smtp_server=wanted.smtp_server or "",
            smtp_from=wanted.smtp_from or "",
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

    def openings(self, role: str) -> list[Opening]:
        """What the security group of a role lets in: who asks for what it does, and the monitor."""
        stack = self.stack
        own = self.roles[role].openings(stack.ssh_from, stack.api_from)
        if not stack.monitor.enabled or role == "monitor":
            return own
        monitor = "monitor" if stack.monitor.dedicated else self.roles["monitor"].lodges_with
        return [*own, *(Opening(port, monitor) for port in roles.metrics(role).values())]

    def front_door(self) -> Key:
        """The floating IP of the first public machine, which is the bastion too."""
        role = next(name for name, role in self.roles.items() if role.public)
        return self.key("floating IP", role, 1)

    def way_in(self) -> list[Key]:
        """What has to be there to get into any machine: the bastion and its floating IP."""
        door = self.front_door()
        return [Key("server", door.name), door]

    def setup(self, role: str, number: int, known: Known) -> Setup:
        """How a machine is set up, with what is known so far."""
        site = self.site(known)
        return roles.setup(site, _machine_of(site, role, number))

    def fingerprint(self, role: str, number: int, known: Known) -> str:
        """Another once the machine has to be set up again.

        Also when a machine that keeps secrets is another: its secrets are.
        """
        places = [place for place in self.places() if self.roles[place[0]].keeps]
        servers = [known.get(self.key("server", *place)) for place in places]
        keepers = [] if self.roles[role].keeps else [each.id if each else "" for each in servers]
        return fingerprint(self.setup(role, number, known), keepers)

    def user_data(self, role: str, number: int) -> str:
        """What a machine is told at its first boot. Raises SkytierError when it is too long."""
        site = self.site(Known())
        text = roles.user_data(site, _machine_of(site, role, number))
        if (size := encoded_size(text)) > USER_DATA_LIMIT:
            raise SkytierError(
                f"The user-data of the role {role} has {size} bytes after base64, and Nova takes "
                f"{USER_DATA_LIMIT}.",
                f"Name fewer packages in the section [{role}] of the stack file.",
            )
        return text


def _machine_of(site: Site, role: str, number: int) -> Machine:
    return next(machine for machine in site.of(role) if machine.number == number)


def wanted(blueprint: Blueprint, project: Project, public_key: str, known: Known) -> list[Wanted]:
    """Every resource of the stack.

    `public_key` is what a new key pair is made of. The machines' configuration depends on
    addresses that are taken from what is `known`.
    """
    return [
        *_network(blueprint, project, public_key),
        *(
            each
            for place in blueprint.places()
            for each in (
                *_volume(blueprint, project, known, *place),
                *_machine(blueprint, project, known, *place),
            )
        ),
        *(_configuration(blueprint, known, *place) for place in blueprint.places()),
        *_releases(blueprint),
    ]


def _network(blueprint: Blueprint, project: Project, public_key: str) -> list[Wanted]:
    key, stack = blueprint.key, blueprint.stack
    network, subnet = key("network"), key("subnet")
    openings = {name: blueprint.openings(name) for name in stack.machines()}
    groups = {name: key("security group", name) for name in openings}
    return [
        Wanted(key("key pair"), {}, {"public_key": public_key}),
        *(
            Wanted(
                groups[name],
                {"rules": _rules(opened, groups, stack.cidr), "tags": project.tags},
                needs=[
                    groups[opening.remote]
                    for opening in opened
                    if opening.remote in groups and opening.remote != name
                ],
            )
            for name, opened in openings.items()
        ),
        Wanted(network, {"tags": project.tags}),
        Wanted(
            subnet,
            {
                "network": network,
                "cidr": stack.cidr,
                "dns": list(stack.dns),
                "tags": project.tags,
            },
            needs=[network],
            protected="the addresses of all machines",
        ),
        Wanted(
            key("router"),
            {
                "external_network": blueprint.choices.external_network.id,
                "subnets": [subnet],
                "tags": project.tags,
            },
            needs=[subnet],
        ),
    ]


def _rules(openings: Sequence[Opening], groups: Mapping[str, Key], cidr: str) -> list[list[object]]:
    remotes = {**groups, PRIVATE: cidr}
    return [[each.port, remotes.get(each.remote, each.remote)] for each in openings]


def _volume(
    blueprint: Blueprint, project: Project, known: Known, role: str, number: int
) -> list[Wanted]:
    """The volume of a machine, and that the machine has it. Raises SkytierError."""
    key, volume = blueprint.key, blueprint.key(Volume.name, role, number)
    found, size_gib = known.get(volume), blueprint.stack.volumes().get(role)
    has_gib = found.attributes["size_gib"] if found else 0
    if found and has_gib > (size_gib or 0):
        asked = f"asks for {size_gib} GiB" if size_gib else "is not there any more"
        raise SkytierError(
            f"The volume {volume.name} has {has_gib} GiB, and {role}.volume_gib {asked}: Cinder "
            "makes no volume smaller, and none with data is given up.",
            f"Set volume_gib in the section [{role}] of the stack file to {has_gib} or more.",
        )
    if size_gib is None:
        return []
    server = key("server", role, number)
    return [
        Wanted(
            volume,
            {"size_gib": size_gib, "metadata": project.metadata},
            {"role": role},
            # An empty one that Cinder failed to make is simply made again.
            protected=blueprint.roles[role].keeps if found and found.facts["data"] else "",
        ),
        Wanted(
            key(VolumeAttachment.name, role, number),
            {"volume": volume, "server": server},
            needs=[volume, server],
        ),
    ]


def _keeps(blueprint: Blueprint, known: Known, role: str, number: int) -> str:
    """What is lost with a server: nothing, once all its data is on a volume."""
    volume = known.get(blueprint.key(Volume.name, role, number))
    outlives = blueprint.stack.volumes().get(role) and volume and volume.facts["data"] == KEPT
    return "" if outlives else blueprint.roles[role].keeps


def _machine(
    blueprint: Blueprint, project: Project, known: Known, role: str, number: int
) -> list[Wanted]:
    key, stack = blueprint.key, blueprint.stack
    image, flavor = blueprint.choices.images[role], blueprint.choices.flavors[role]
    group, port = key("security group", role), key("port", role, number)
    made = [
        Wanted(
            port,
            {"network": key("network"), "security_groups": [group], "tags": project.tags},
            needs=[key("subnet"), group],
        ),
        Wanted(
            key("server", role, number),
            {
                "image": image.name,
                "flavor": flavor.name,
                "power": RUNNING,
                "metadata": project.metadata,
            },
            {
                "image_id": image.id,
                "flavor_id": flavor.id,
                "disk_gib": flavor.disk_gib,
                "key_name": key("key pair").name,
                "port": port,
                "user_data": blueprint.user_data(role, number),
                "role": role,
                "number": number,
                "zone": stack.availability_zone,
            },
            # Without a way out a machine finds no packages at its first boot.
            needs=[port, key("key pair"), key("router")],
            after=_well_before(blueprint, role, number),
            protected=_keeps(blueprint, known, role, number),
        ),
    ]
    if blueprint.roles[role].public:
        made.append(
            Wanted(
                key("floating IP", role, number),
                {"port": port, "tags": project.tags},
                {"external_network": blueprint.choices.external_network.id},
                needs=[port, key("router")],
            )
        )
    return made


def _well_before(blueprint: Blueprint, role: str, number: int) -> list[Key]:
    """What is taken down before a machine is: those that keep data, then those before it."""
    if number > 1:
        return [blueprint.key(kind, role, number - 1) for kind in ("server", CONFIGURATION)]
    if blueprint.roles[role].keeps:
        return []
    return [
        blueprint.key("server", name, other)
        for name, other in blueprint.places()
        if blueprint.roles[name].keeps
    ]


def _configuration(blueprint: Blueprint, known: Known, role: str, number: int) -> Wanted:
    key, stack = blueprint.key, blueprint.stack
    others = [
        place
        for place in blueprint.places()
        if blueprint.roles[place[0]].keeps and place != (role, number)
    ]
    return Wanted(
        key(CONFIGURATION, role, number),
        {"fingerprint": blueprint.fingerprint(role, number, known)},
        {"role": role, "number": number},
        # All addresses have to be known, since machines are told of each other. Secrets are read
        # from the machines that keep them.
        needs=[
            key("server", role, number),
            *([key(VolumeAttachment.name, role, number)] if role in stack.volumes() else []),
            *blueprint.way_in(),
            *(key("server", *place) for place in others),
            *(key("port", *place) for place in blueprint.places()),
        ],
        # All are configured at the same time; but a database that is made anew has new secrets.
        renewed_with=[]
        if blueprint.roles[role].keeps
        else [key(CONFIGURATION, *place) for place in others],
    )


def _releases(blueprint: Blueprint) -> list[Wanted]:
    """Delivered as soon as there is a way in; switched to one after another.

    The first one changes the schema, and a broken one stops the rest.
    """
    key, roles = blueprint.key, blueprint.roles
    keepers = [
        key(CONFIGURATION, role, number) for role, number in blueprint.places() if roles[role].keeps
    ]
    places = [place for place in blueprint.places() if roles[place[0]].runs_application]
    release = {"release": blueprint.release}
    deliveries = [
        Wanted(
            key(DELIVERY, role, number),
            release,
            {"role": role, "number": number},
            needs=[key("server", role, number), *blueprint.way_in()],
        )
        for role, number in places
    ]
    switches: list[Wanted] = []
    for role, number in places:
        own = [key("server", role, number), key(CONFIGURATION, role, number)]
        earlier = [each.key for each in switches[-1:]]
        switches.append(
            Wanted(
                key(RELEASE, role, number),
                release,
                {"role": role, "number": number},
                needs=[*own, *keepers, key(DELIVERY, role, number), *earlier],
            )
        )
    return [*deliveries, *switches]

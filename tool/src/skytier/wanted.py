"""What a stack is made of: from the stack file to every resource that should be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skytier.cloud.choices import Choices
from skytier.errors import SkytierError
from skytier.resources.kind import Key, Known, Wanted
from skytier.resources.project import Project
from skytier.resources.server import RUNNING
from skytier.roles.common import USER_DATA_LIMIT, encoded_size
from skytier.roles.fingerprint import fingerprint
from skytier.roles.role import Machine, Opening, Role, Setup, Site
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
        return [
            (role, number)
            for role in self.roles
            for number in range(1, self.stack.machines()[role].machines + 1)
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
                )
            )
        stack, door = self.stack, known.get(self.front_door())
        return Site(
            stack=stack.name,
            machines=machines,
            cidr=stack.cidr,
            tls=stack.tls,
            domain=stack.domain,
            email=stack.email,
            public_address=door.facts["address"] if door else None,
            api_from=stack.api_from,
            packages={role: each.packages for role, each in stack.machines().items()},
        )

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
        machine = next(m for m in site.of(role) if m.number == number)
        return self.roles[role].setup(site, machine)

    def user_data(self, role: str) -> str:
        """What a machine is told at its first boot. Raises SkytierError when it is too long."""
        text = self.roles[role].user_data(self.site(Known()))
        if (size := encoded_size(text)) > USER_DATA_LIMIT:
            raise SkytierError(
                f"The user-data of the role {role} has {size} bytes after base64, and Nova takes "
                f"{USER_DATA_LIMIT}.",
                f"Name fewer packages in the section [{role}] of the stack file.",
            )
        return text


def wanted(blueprint: Blueprint, project: Project, public_key: str, known: Known) -> list[Wanted]:
    """Every resource of the stack.

    `public_key` is what a new key pair is made of. The machines' configuration depends on
    addresses that are taken from what is `known`.
    """
    return [
        *_network(blueprint, project, public_key),
        *(each for place in blueprint.places() for each in _machine(blueprint, project, *place)),
        *(_configuration(blueprint, known, *place) for place in blueprint.places()),
        *_releases(blueprint),
    ]


def _network(blueprint: Blueprint, project: Project, public_key: str) -> list[Wanted]:
    key, stack = blueprint.key, blueprint.stack
    network, subnet = key("network"), key("subnet")
    groups = {name: key("security group", name) for name in blueprint.roles}
    return [
        Wanted(key("key pair"), {}, {"public_key": public_key}),
        *(
            Wanted(
                groups[name],
                {
                    "rules": _rules(role.openings(stack.ssh_from, stack.api_from), groups),
                    "tags": project.tags,
                },
                needs=[
                    groups[opening.remote]
                    for opening in role.openings(stack.ssh_from, stack.api_from)
                    if opening.remote in groups and opening.remote != name
                ],
            )
            for name, role in blueprint.roles.items()
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


def _rules(openings: Sequence[Opening], groups: Mapping[str, Key]) -> list[list[object]]:
    return [[each.port, groups.get(each.remote, each.remote)] for each in openings]


def _machine(blueprint: Blueprint, project: Project, role: str, number: int) -> list[Wanted]:
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
                "user_data": blueprint.user_data(role),
                "role": role,
                "number": number,
                "zone": stack.availability_zone,
            },
            # Without a way out a machine finds no packages at its first boot.
            needs=[port, key("key pair"), key("router")],
            after=_well_before(blueprint, role, number),
            protected=blueprint.roles[role].keeps,
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
    key = blueprint.key
    others = [
        place
        for place in blueprint.places()
        if blueprint.roles[place[0]].keeps and place != (role, number)
    ]
    return Wanted(
        key(CONFIGURATION, role, number),
        {"fingerprint": fingerprint(blueprint.setup(role, number, known))},
        {"role": role, "number": number},
        # All addresses have to be known, since machines are told of each other. Secrets are read
        # from the machines that keep them.
        needs=[
            key("server", role, number),
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

"""What a stack is made of: from the stack file to every resource that should be there."""

from collections.abc import Mapping, Sequence

from skytier.deploy.kind import Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resolved import Blueprint
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import RUNNING
from skytier.openstack.resources.volume import KEPT, Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment
from skytier.roles.role import PRIVATE, Opening

CONFIGURATION, DELIVERY, RELEASE = "configuration", "delivery", "release"
IN_SERVERS = frozenset({CONFIGURATION, DELIVERY, RELEASE})
"""The kinds that live in servers; all others are OpenStack's own."""


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
    """What is lost with a server: nothing if it never ran, or once all its data is on a volume."""
    server = known.get(blueprint.key("server", role, number))
    if server and server.fault and not server.facts["launched_at"]:
        return ""
    volume = known.get(blueprint.key(Volume.name, role, number))
    outlives = blueprint.stack.volumes().get(role) and volume and volume.facts["data"] == KEPT
    return "" if outlives else blueprint.roles[role].keeps


def _machine(
    blueprint: Blueprint, project: Project, known: Known, role: str, number: int
) -> list[Wanted]:
    key, stack = blueprint.key, blueprint.stack
    image, flavor = blueprint.choices.images[role], blueprint.choices.flavors[role]
    group, port = key("security group", role), key("port", role, number)
    there = known.get(key("server", role, number))
    # Where no image is named, no newer one of the cloud replaces a server.
    keeps = there is not None and not there.fault and stack.image_of(role) is None
    made = [
        Wanted(
            port,
            {"network": key("network"), "security_groups": [group], "tags": project.tags},
            needs=[key("subnet"), group],
        ),
        Wanted(
            key("server", role, number),
            {
                "image": there.attributes["image"] if there and keeps else image.name,
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
        return _well(blueprint, role, number - 1)
    if blueprint.roles[role].keeps:
        return []
    return [
        blueprint.key("server", name, other)
        for name, other in blueprint.places()
        if blueprint.roles[name].keeps
    ]


def _well(blueprint: Blueprint, role: str, number: int) -> list[Key]:
    """What a machine has once it does its work again: the last of it asks for its health."""
    kinds = [
        "server",
        CONFIGURATION,
        *([RELEASE] if blueprint.roles[role].runs_application else []),
    ]
    return [blueprint.key(kind, role, number) for kind in kinds]


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
        # At first all are configured at the same time; but a database that is made anew has new
        # secrets.
        renewed_with=[]
        if blueprint.roles[role].keeps
        else [key(CONFIGURATION, *place) for place in others],
        # Machines that serve are changed one after another.
        after=_well(blueprint, role, number - 1) if number > 1 else [],
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

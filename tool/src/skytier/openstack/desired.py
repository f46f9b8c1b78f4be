"""What a stack is made of: from the stack file to every resource that should be there."""

from collections.abc import Mapping, Sequence

from skytier.deploy.kind import Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import RUNNING
from skytier.openstack.resources.volume import KEPT, Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment
from skytier.topology import PRIVATE, IngressRule

CONFIGURATION, DELIVERY, RELEASE = "configuration", "delivery", "release"
IN_SERVERS = frozenset({CONFIGURATION, DELIVERY, RELEASE})
"""The kinds that live in servers; all others are OpenStack's own."""


def wanted(
    resolved: ResolvedStack, project: Project, public_key: str, known: Known
) -> list[Wanted]:
    """Every resource of the stack.

    `public_key` is what a new key pair is made of. The machines' configuration depends on
    addresses that are taken from what is `known`.
    """
    return [
        *_network(resolved, project, public_key),
        *(
            each
            for place in resolved.machines()
            for each in (
                *_volume(resolved, project, known, *place),
                *_machine(resolved, project, known, *place),
            )
        ),
        *(_configuration(resolved, known, *place) for place in resolved.machines()),
        *_releases(resolved),
    ]


def _network(resolved: ResolvedStack, project: Project, public_key: str) -> list[Wanted]:
    key, stack = resolved.key, resolved.stack
    network, subnet = key("network"), key("subnet")
    ingress_rules = resolved.ingress_rules
    groups = {name: key("security group", name) for name in ingress_rules}
    return [
        Wanted(key("key pair"), {}, {"public_key": public_key}),
        *(
            Wanted(
                groups[name],
                {"rules": _rules(rules, groups, stack.cidr), "tags": project.tags},
                needs=[
                    groups[rule.remote]
                    for rule in rules
                    if rule.remote in groups and rule.remote != name
                ],
            )
            for name, rules in ingress_rules.items()
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
                "external_network": resolved.choices.external_network.id,
                "subnets": [subnet],
                "tags": project.tags,
            },
            needs=[subnet],
        ),
    ]


def _rules(
    ingress_rules: Sequence[IngressRule], groups: Mapping[str, Key], cidr: str
) -> list[list[object]]:
    remotes = {**groups, PRIVATE: cidr}
    return [[each.port, remotes.get(each.remote, each.remote)] for each in ingress_rules]


def _volume(
    resolved: ResolvedStack, project: Project, known: Known, role: str, number: int
) -> list[Wanted]:
    """The volume of a machine, and that the machine has it. Raises SkytierError."""
    key, volume = resolved.key, resolved.key(Volume.name, role, number)
    found, size_gib = known.get(volume), resolved.stack.volumes().get(role)
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
            protected=resolved.roles[role].holds_data if found and found.facts["data"] else "",
        ),
        Wanted(
            key(VolumeAttachment.name, role, number),
            {"volume": volume, "server": server},
            needs=[volume, server],
        ),
    ]


def _keeps(resolved: ResolvedStack, known: Known, role: str, number: int) -> str:
    """What is lost with a server: nothing if it never ran, or once all its data is on a volume."""
    server = known.get(resolved.key("server", role, number))
    if server and server.fault and not server.facts["launched_at"]:
        return ""
    volume = known.get(resolved.key(Volume.name, role, number))
    outlives = resolved.stack.volumes().get(role) and volume and volume.facts["data"] == KEPT
    return "" if outlives else resolved.roles[role].holds_data


def _machine(
    resolved: ResolvedStack, project: Project, known: Known, role: str, number: int
) -> list[Wanted]:
    key, stack = resolved.key, resolved.stack
    image, flavor = resolved.choices.images[role], resolved.choices.flavors[role]
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
                "user_data": resolved.user_data(role, number),
                "role": role,
                "number": number,
                "zone": stack.availability_zone,
            },
            # Without a way out a machine finds no packages at its first boot.
            needs=[port, key("key pair"), key("router")],
            after=_well_before(resolved, role, number),
            protected=_keeps(resolved, known, role, number),
        ),
    ]
    if resolved.roles[role].public:
        made.append(
            Wanted(
                key("floating IP", role, number),
                {"port": port, "tags": project.tags},
                {"external_network": resolved.choices.external_network.id},
                needs=[port, key("router")],
            )
        )
    return made


def _well_before(resolved: ResolvedStack, role: str, number: int) -> list[Key]:
    """What is taken down before a machine is: those that keep data, then those before it."""
    if number > 1:
        return _well(resolved, role, number - 1)
    if resolved.roles[role].holds_data:
        return []
    return [
        resolved.key("server", name, other)
        for name, other in resolved.machines()
        if resolved.roles[name].holds_data
    ]


def _well(resolved: ResolvedStack, role: str, number: int) -> list[Key]:
    """What a machine has once it does its work again: the last of it asks for its health."""
    kinds = [
        "server",
        CONFIGURATION,
        *([RELEASE] if resolved.roles[role].runs_application else []),
    ]
    return [resolved.key(kind, role, number) for kind in kinds]


def _configuration(resolved: ResolvedStack, known: Known, role: str, number: int) -> Wanted:
    key, stack = resolved.key, resolved.stack
    others = [
        place
        for place in resolved.machines()
        if resolved.roles[place[0]].holds_data and place != (role, number)
    ]
    return Wanted(
        key(CONFIGURATION, role, number),
        {"fingerprint": resolved.fingerprint(role, number, known)},
        {"role": role, "number": number},
        # All addresses have to be known, since machines are told of each other. Secrets are read
        # from the machines that keep them.
        needs=[
            key("server", role, number),
            *([key(VolumeAttachment.name, role, number)] if role in stack.volumes() else []),
            *resolved.way_in(),
            *(key("server", *place) for place in others),
            *(key("port", *place) for place in resolved.machines()),
        ],
        # At first all are configured at the same time; but a database that is made anew has new
        # secrets.
        triggers=[]
        if resolved.roles[role].holds_data
        else [key(CONFIGURATION, *place) for place in others],
        # Machines that serve are changed one after another.
        after=_well(resolved, role, number - 1) if number > 1 else [],
    )


def _releases(resolved: ResolvedStack) -> list[Wanted]:
    """Delivered as soon as there is a way in; switched to one after another.

    The first one changes the schema, and a broken one stops the rest.
    """
    key, roles = resolved.key, resolved.roles
    keepers = [
        key(CONFIGURATION, role, number)
        for role, number in resolved.machines()
        if roles[role].holds_data
    ]
    places = [place for place in resolved.machines() if roles[place[0]].runs_application]
    release = {"release": resolved.release}
    deliveries = [
        Wanted(
            key(DELIVERY, role, number),
            release,
            {"role": role, "number": number},
            needs=[key("server", role, number), *resolved.way_in()],
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

"""What a stack is made of: from the stack file to every resource that should be there."""

from collections.abc import Sequence

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.update import CONFIGURATION, DELIVERY, RELEASE, SERVER, Order, Update
from skytier.errors import SkytierError
from skytier.openstack.entry_point import BEHIND, FRONT, leads_to
from skytier.openstack.plan import (
    baking,
    load_balancer,
    private_network,
    public_port,
    shared_address,
    storage,
)
from skytier.openstack.plan.given_up import GIVEN_UP
from skytier.openstack.plan.losses import never_ran, others_have_it
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.interface import place_of
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.server import ATTACHED, RUNNING
from skytier.openstack.resources.server_group import POLICY, ServerGroup
from skytier.openstack.resources.volume import KEPT, Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment
from skytier.roles.role import public_role
from skytier.stackfile import StackFile

SPREAD = ("web", "database")
"""The roles of which one machine can do without another; and of two balancers either can."""


def wanted(
    resolved: ResolvedStack, project: Project, public_key: str, known: Known
) -> list[Wanted]:
    """Every resource of the stack.

    `public_key` is what a new key pair is made of. The machines' configuration depends on
    addresses that are taken from what is `known`.
    """
    private_network.refuse_move(resolved, known)
    order = Order(
        [_update(resolved, known, *place) for place in resolved.machines()],
        bastion=_bastion(resolved, known),
    )
    moves = _before_it_moves(resolved, known, order)
    return [
        *private_network.groups(resolved, project, public_key, known),
        *private_network.own_network(resolved, project, known),
        *storage.wanted(resolved, project),
        *baking.wanted(resolved, project, known),
        *shared_address.wanted(resolved, project, known, moves),
        *load_balancer.wanted(
            *(resolved, project, known),
            web_servers=order.well(BEHIND),
            all_well=moves,
        ),
        *(
            Wanted(resolved.key(ServerGroup.name, role), {"policy": POLICY}, {"role": role})
            for role in resolved.stack.machines()
            if is_spread(resolved.stack, role)
        ),
        *(
            each
            for place in resolved.machines()
            for each in (
                *_volume(resolved, project, known, *place),
                *_machine(resolved, project, known, order, *place),
            )
        ),
        *(_configuration(resolved, known, order, *place) for place in resolved.machines()),
        *_releases(resolved, known, order),
    ]


def is_spread(stack: StackFile, role: str) -> bool:
    """Whether the machines of a role are on different hosts where there is room."""
    return stack.spread and (role in SPREAD or (role == FRONT and stack.shares_address))


def _leads_in(resolved: ResolvedStack, known: Known) -> str:
    """The machine that the entry point's address leads to now, and that serves; empty for none."""
    there = ((name, known.get(Key(SERVER, name))) for name in resolved.led_to(known))
    return next((name for name, server in there if server and _runs(server)), "")


def _bastion(resolved: ResolvedStack, known: Known) -> str:
    """The machine that leads to all others: where the address leads now, if that one serves."""
    return _leads_in(resolved, known) or resolved.bastion()


def _moves(resolved: ResolvedStack, known: Known) -> bool:
    """Whether the entry point's address is to move from a machine that serves."""
    entry = resolved.entry_point()
    elsewhere = leads_to(entry, known) != entry.name
    return elsewhere and bool(_leads_in(resolved, known))


def _before_it_moves(resolved: ResolvedStack, known: Known, order: Order) -> Sequence[Key]:
    """What has to be well before the entry point's address moves. One that leads to a broken
    machine moves at once."""
    return order.all_well() if _moves(resolved, known) else ()


def _runs(server: Found) -> bool:
    return not server.fault and server.attributes["power"] == RUNNING


def _update(resolved: ResolvedStack, known: Known, role: str, number: int) -> Update:
    """What is done to a machine in its turn, and whether it serves now as far as Nova knows."""
    server = known.get(resolved.key(SERVER, role, number))
    runs = server is not None and _runs(server)
    kinds = (
        SERVER,
        CONFIGURATION,
        *([RELEASE] if resolved.roles[role].runs_application else []),
    )
    new = server is None or resolved.key(CONFIGURATION, role, number) not in known
    return Update(
        resolved.key(SERVER, role, number).name,
        role,
        kinds,
        new=new,
        holds_data=bool(resolved.roles[role].holds_data),
        fronts=resolved.roles[role].fronts,
        serves=runs and all(resolved.key(kind, role, number) in known for kind in kinds),
    )


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
            "makes no volume smaller, and a volume with data is not replaced.",
            f"Set volume_gib in the section [{role}] of the stack file to {has_gib} or more.",
        )
    if size_gib is None:
        return []
    server = key("server", role, number)
    return [
        Wanted(
            volume,
            {"size_gib": size_gib, "metadata": project.metadata},
            {
                "role": role,
                "type": resolved.stack.volume_type_of(role),
                "zone": resolved.stack.volume_zone_of(role, number),
            },
            # An empty one that Cinder failed to make is simply made again.
            protected=resolved.roles[role].holds_data if found and found.facts["data"] else "",
        ),
        Wanted(
            key(VolumeAttachment.name, role, number),
            {"volume": volume, "server": server},
            needs=[volume, server],
        ),
    ]


_OUTLIVED = (
    "Or set database.volume_gib first and run skytier up: then the data moves to a volume, which "
    "outlives the server."
)
_COPIED = (
    "Or copy the files first: docs/how-to/replace-a-machine.md#a-web-server-with-files-of-its-own "
    "says how."
)


def _keeps(resolved: ResolvedStack, known: Known, role: str, number: int) -> str:
    """What is lost with a server: nothing if it never ran, or once all its data is on a volume, or
    another member of the database has it."""
    server = known.get(resolved.key("server", role, number))
    if server and (never_ran(server) or server.facts.get(GIVEN_UP)):
        return ""
    if others_have_it(resolved, known, role, number):
        return ""
    volume = known.get(resolved.key(Volume.name, role, number))
    outlives = resolved.stack.volumes().get(role) and volume and volume.facts["data"] == KEPT
    written = resolved.roles[role].runs_application and resolved.stack.runs.directories
    files = f"what the application wrote to {', '.join(written)}" if written else ""
    return "" if outlives else resolved.roles[role].holds_data or files


def _machine(
    resolved: ResolvedStack, project: Project, known: Known, order: Order, role: str, number: int
) -> list[Wanted]:
    key, stack, given = resolved.key, resolved.stack, resolved.choices.given
    flavor = resolved.choices.flavors[role]
    together = key(ServerGroup.name, role) if is_spread(stack, role) else None
    way_out = private_network.way_out(resolved)
    groups, port = private_network.groups_of(resolved, role), key("port", role, number)
    public = public_port.of(resolved, role, number)
    there = known.get(key("server", role, number))
    protected = _keeps(resolved, known, role, number)
    root_gib = resolved.root_gib(role, number, known, keeps=bool(protected))
    place = {} if port in known else place_of(there)
    made = [
        shared_address.allowed(
            *(resolved, known, role),
            private_network.port(resolved, project, port, groups, place),
        ),
        *([public_port.wanted(resolved, project, public)] if public else []),
        Wanted(
            key("server", role, number),
            {
                "image": resolved.image(role, number, known),
                "flavor": flavor.name,
                "root_gib": root_gib,
                "power": RUNNING,
                "interface": ATTACHED,
                "metadata": project.metadata,
            },
            {
                "image_id": baking.image_id(resolved, role, known),
                "flavor_id": flavor.id,
                "disk_gib": flavor.disk_gib,
                "root_type": stack.volume_type_of(role),
                "root_zone": stack.volume_zone_of(role, number),
                "key_name": key("key pair").name,
                "port": port,
                "user_data": resolved.user_data(role, number),
                "role": role,
                "number": number,
                "zone": stack.zone_of(role, number),
                **({"group": together} if together else {}),
                **({"public_port": public} if public else {}),
                # One that has no router, or a first interface of others, may reach no metadata.
                **({"config_drive": True} if public or not (way_out or given) else {}),
            },
            # Without a way out a machine finds no packages at its first boot.
            needs=[
                *(port, *([public] if public else []), key("key pair"), *way_out),
                *([together] if together else []),
            ],
            after=order.after(key("server", role, number)),
            protected=protected,
            outlived=_OUTLIVED if resolved.roles[role].holds_data else _COPIED,
        ),
    ]
    if root_gib:
        root = known.get(key(RootVolume.name, role, number))
        stays = there is not None and there.attributes["root_gib"] == root_gib
        # Cinder makes no volume smaller that somebody enlarged.
        has_gib = root.attributes["size_gib"] if root and stays and not root.fault else 0
        made.append(
            Wanted(
                key(RootVolume.name, role, number),
                {"size_gib": max(root_gib, has_gib), "metadata": project.metadata},
                {
                    "role": role,
                    "type": stack.volume_type_of(role),
                    "zone": stack.volume_zone_of(role, number),
                },
                needs=[key("server", role, number)],
            )
        )
    made += _floating_ip(resolved, project, known, order, role, number)
    return made


def _floating_ip(
    resolved: ResolvedStack, project: Project, known: Known, order: Order, role: str, number: int
) -> list[Wanted]:
    """The floating IP that leads to a machine, where one does."""
    stack = resolved.stack
    if not stack.has_floating_ips or role != public_role(stack, resolved.roles):
        return []
    # Visitors come to the load balancer, and operators to the first web server.
    if stack.shares_address or (stack.has_load_balancer and number == 1):
        return [shared_address.ssh_address(resolved, project, known, role, number)]
    if stack.has_load_balancer:
        return []
    address = resolved.key("floating IP", role, number)
    is_entry = address == resolved.entry_point()
    port = resolved.key("port", role, number)
    return [
        Wanted(
            address,
            {"port": port, "tags": project.tags},
            {"external_network": resolved.choices.external_network.id},
            needs=[port, *private_network.way_out(resolved)],
            after=_before_it_moves(resolved, known, order) if is_entry else order.all_well(),
        )
    ]


def _configuration(
    resolved: ResolvedStack, known: Known, order: Order, role: str, number: int
) -> Wanted:
    key, stack = resolved.key, resolved.stack
    own = key(CONFIGURATION, role, number)
    # Of machines with data each has its turn: one that serves is replaced after this one is well.
    in_turn = bool(resolved.roles[role].holds_data)
    others = [
        place
        for place in resolved.machines()
        if resolved.roles[place[0]].holds_data and place != (role, number)
        if not (in_turn and key(CONFIGURATION, *place) in known)
    ]
    anew = resolved.given_anew(role, number, known)
    return Wanted(
        own,
        {
            "fingerprint": resolved.fingerprint(role, number, known),
            **({"given secrets": anew} if anew else {}),
        },
        {"role": role, "number": number},
        # All addresses have to be known, since machines are told of each other. Secrets are read
        # from the machines that keep them.
        needs=[
            key("server", role, number),
            *([key(VolumeAttachment.name, role, number)] if role in stack.volumes() else []),
            *_way_in(resolved, known, order, own),
            *(key("server", *place) for place in others),
            *order.joins(own),
            *(key("port", *place) for place in resolved.machines()),
            *([resolved.virtual_address()] if role == FRONT and stack.shares_address else []),
            *(storage.keys(resolved) if _uses_objects(resolved, role) else []),
        ],
        triggers=order.triggers(own),
        after=order.after(own),
    )


def _uses_objects(resolved: ResolvedStack, role: str) -> bool:
    """Whether a machine is told of the object store: for the application, or for backups."""
    kind, stack = resolved.roles[role], resolved.stack
    of_backups = kind.holds_data and stack.backup.containers
    return bool(of_backups or (kind.runs_application and stack.storage.bucket))


def _way_in(resolved: ResolvedStack, known: Known, order: Order, entered: Key) -> list[Key]:
    """What has to be there to get into a machine: the bastion and its address."""
    bastion = order.way_in(entered)
    if _moves(resolved, known):
        # While the floating IP leads to another machine, which serves, it is there already. A load
        # balancer lets in visitors alone.
        passed_on = resolved.leaves_load_balancer(known)
        return [*bastion, *([resolved.ssh_address(BEHIND, 1)] if passed_on else [])]
    if not (resolved.stack.shares_address or resolved.stack.has_load_balancer):
        return [*bastion, resolved.entry_point()]
    role, number = next(
        place for place in resolved.machines() if resolved.key(SERVER, *place).name == order.bastion
    )
    if not resolved.stack.has_floating_ips:
        return [*bastion, resolved.key("port", role, number)]
    return [*bastion, resolved.ssh_address(role, number)]


def _releases(resolved: ResolvedStack, known: Known, order: Order) -> list[Wanted]:
    """Delivered as soon as there is a way in; switched on in turn."""
    key, roles = resolved.key, resolved.roles
    keepers = [
        key(CONFIGURATION, role, number)
        for role, number in resolved.machines()
        if roles[role].holds_data
    ]
    places = [place for place in resolved.machines() if roles[place[0]].runs_application]
    release, static_files = {"release": resolved.release}, storage.static_files(resolved)
    deliveries = [
        Wanted(
            key(DELIVERY, role, number),
            release,
            {"role": role, "number": number},
            needs=[
                key("server", role, number),
                *_way_in(resolved, known, order, key(DELIVERY, role, number)),
            ],
        )
        for role, number in places
    ]
    switches = [
        Wanted(
            key(RELEASE, role, number),
            release,
            {"role": role, "number": number},
            needs=[
                *(key(kind, role, number) for kind in ("server", CONFIGURATION, DELIVERY)),
                *keepers,
                # Pages name them, wherever they come from.
                *([static_files] if static_files else []),
            ],
            after=order.after(key(RELEASE, role, number)),
            ahead=order.ahead(),
        )
        for role, number in places
    ]
    return [*deliveries, *switches]

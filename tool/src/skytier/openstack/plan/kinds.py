"""Every kind of resource of a stack, in the order in which they are made."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from skytier.deploy import update
from skytier.deploy.kind import Found, Key, Kind, Known, UnseenError
from skytier.deploy.plan import Action, Rules, one_of_each
from skytier.openstack.entry_point import address_of, load_balancer_address, virtual_address
from skytier.openstack.plan.object_store import buckets, containers
from skytier.openstack.resources.baked_image import BakedImage
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.key_pair import KeyPair
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.network import Network
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.public_port import PublicPort
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.router import Router
from skytier.openstack.resources.router_interface import RouterInterface
from skytier.openstack.resources.security_group import SecurityGroup
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.server_group import ServerGroup
from skytier.openstack.resources.static_files import StaticFiles
from skytier.openstack.resources.subnet import Subnet
from skytier.openstack.resources.virtual_port import VirtualPort
from skytier.openstack.resources.volume import Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment
from skytier.roles import ROLES
from skytier.stackfile import StackFile

_HELD_BY = {
    # An image may still have the server that it is made from, which has a port.
    SecurityGroup.name: {Port.name, PublicPort.name, BakedImage.name},
    Network.name: {
        *(Subnet.name, Router.name, RouterInterface.name, Port.name, VirtualPort.name),
        *(BakedImage.name, LoadBalancer.name),
    },
    Subnet.name: {
        *(Router.name, RouterInterface.name, Port.name, VirtualPort.name, BakedImage.name),
        LoadBalancer.name,
    },
    Router.name: {FloatingIP.name, BakedImage.name},
    RouterInterface.name: {FloatingIP.name, BakedImage.name},
    Port.name: {Server.name, FloatingIP.name},
    PublicPort.name: {Server.name},
    VirtualPort.name: {FloatingIP.name, LoadBalancer.name},
    # By its floating IP a server is entered before it goes.
    FloatingIP.name: {Server.name},
    Volume.name: {Server.name},
    BakedImage.name: {Server.name},
    RootVolume.name: {Server.name},
    ServerGroup.name: {Server.name},
    # Until it is gone, the application may put another object there.
    Container.name: {Server.name},
}
_DISRUPTIVE = {
    Server.name: {"flavor": "resize: it is away for some minutes, one machine after another"},
    FloatingIP.name: {
        "port": "it moves: requests that are being answered end, and new ones may take a second"
    },
}
_STARTING = {Server.name: frozenset({"power", "interface"})}
_IN_TURN = {
    **update.IN_TURN,
    # It is told of a new web server once that serves. Itself it is made beside the web servers.
    LoadBalancer.name: frozenset({Action.CHANGE}),
}
_CONFIGURATION = update.RULES[update.CONFIGURATION]
_MADE = (
    *(KeyPair, SecurityGroup, Network, Subnet, Router, RouterInterface, Port, PublicPort),
    *(VirtualPort, FloatingIP, Volume, Container, Ec2Credential, BakedImage, ServerGroup),
    *(RootVolume, Server, LoadBalancer),
)

RULES = {
    **{
        kind.name: Rules(
            kind.fixed,
            _DISRUPTIVE.get(kind.name, {}),
            _STARTING.get(kind.name, frozenset()),
            in_turn=_IN_TURN.get(kind.name, frozenset()),
            held_by=frozenset(_HELD_BY.get(kind.name, ())),
            # One that no server has yet is left where a run is killed.
            within=Server.name if kind is RootVolume else "",
            outlasts=kind is RootVolume,
        )
        for kind in _MADE
    },
    # A server that is deleted lets go of its volumes.
    VolumeAttachment.name: Rules(VolumeAttachment.fixed, within=Server.name),
    StaticFiles.name: Rules(StaticFiles.fixed, within=Container.name),
    **update.RULES,
    # A volume that somebody detached has to be mounted again.
    update.CONFIGURATION: replace(
        _CONFIGURATION,
        follows={**_CONFIGURATION.follows, VolumeAttachment.name: frozenset({Action.CREATE})},
    ),
}
"""What the plan knows of each kind, in the order in which they are made."""

_Asked = Mapping[Callable[[], list[Any]], Future[list[Any]]]


def resources(
    project: Project,
    stack: StackFile,
    *,
    with_volumes: bool = False,
    with_objects: bool = False,
    with_load_balancers: bool = False,
) -> dict[str, Kind]:
    """The kinds that OpenStack itself has.

    `with_volumes` is whether the cloud has Cinder; else no volume is ever found. `with_objects` is
    whether it has an object store, and `with_load_balancers` whether it has Octavia.
    """
    volumes = Volume(project, with_volumes)
    roots = RootVolume(project, volumes)
    entry = Key(FloatingIP.name, address_of(stack).name)
    entry_points = [f"{stack.name}-{role.name}-1" for role in ROLES.values() if role.public]
    entry_points += [held(stack.name).name for held in (virtual_address, load_balancer_address)]
    address, asked = stack.floating_ip or "", buckets(stack)
    stored = Container(project, with_objects, wanted=bool(containers(stack)))
    plain: list[Kind] = [
        *(KeyPair(project), SecurityGroup(project), Network(project), Subnet(project)),
        *(Router(project), RouterInterface(project), Port(project), PublicPort(project)),
        *(VirtualPort(project), volumes, stored),
        *(Ec2Credential(project, stored, with_objects, asked), BakedImage(project)),
        StaticFiles(project, stored, stack.static.bucket),
        *(ServerGroup(project), Server(project, roots), roots),
        VolumeAttachment(project, volumes),
        LoadBalancer(
            *(project, with_load_balancers),
            wanted=stack.has_load_balancer,
            held_by=load_balancer_address(stack.name).name,
        ),
        FloatingIP(project, entry, entry_points if stack.has_floating_ips else (), address),
    ]
    return {kind.name: kind for kind in plain}


def resources_now(kinds: Mapping[str, Kind]) -> Known:
    """What OpenStack itself has of a stack, as far as the project may list it."""
    return Known(one_of_each(find_all(kinds.values(), []))[0])


def find_all(kinds: Iterable[Kind], unseen: list[UnseenError] | None = None) -> list[Found]:
    """Everything of the stack that there is, all kinds asked at once. Raises SkytierError.

    Kinds that read the same list get it from one call.
    `unseen` takes the errors of kinds that the project may not list; without it they are raised.
    """
    kinds = list(kinds)
    with ThreadPoolExecutor(len(kinds)) as pool:
        lists = {kind.lists for kind in kinds if isinstance(kind, Listed)}
        asked = {each: pool.submit(each) for each in lists}
        return [each for found in pool.map(partial(_find, asked, unseen), kinds) for each in found]


def _plural(kind: Kind) -> str:
    return kind.name if kind.name.endswith("s") else f"{kind.name}s"


def _find(asked: _Asked, unseen: list[UnseenError] | None, kind: Kind) -> list[Found]:
    try:
        if isinstance(kind, Listed):
            return list(kind.among(asked[kind.lists].result()))
        return list(kind.find())
    except UnseenError as error:
        if unseen is None:
            raise
        unseen.append(error)
        return []
    except API_ERRORS as error:
        raise explained(f"The stack's {_plural(kind)} could not be listed", error) from error

"""What a newcomer's stack file should say about a cloud: picked where one choice is sensible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack.choices import choices, images, roots, shape
from skytier.openstack.choices.choices import ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.choices.shape import Shape
from skytier.stackfile import StackFile

_Named = TypeVar("_Named", GivenNetwork, GivenRouter)


@dataclass(frozen=True)
class Pick:
    """A value for a key of the stack file, and what is said of it."""

    value: str | int
    said: str
    """`ubuntu-24.04 of 2026-04-21: the newest Ubuntu LTS of the cloud`"""


@dataclass(frozen=True)
class Picks:
    """Key to pick; where none was sensible, why, and what there is to choose from."""

    picked: Mapping[str, Pick]
    undecided: Mapping[str, str]
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Key to every name that the key could have."""
    public: Mapping[str, Pick] = field(default_factory=dict)
    """The name of a network that could be `network` to the `public` that goes with it."""


def look(conn: Connection) -> Picks:
    """The keys for image, flavor, disks and network, by seven lists of the API and the quotas."""
    return pick(choices.offered_images(conn), choices.offered_flavors(conn), shape.look(conn))


def pick(offers: Sequence[Offer], flavors: Sequence[Flavor], cloud: Shape) -> Picks:
    """The same from what is offered."""
    picked: dict[str, Pick] = {}
    undecided: dict[str, str] = {}
    image: Image | None = None
    try:
        image, why = images.by_rule(offers, "image")
        picked["image"] = Pick(image.name, f"{image.name} of {image.created[:10]}: {why}")
    except SkytierError as error:
        undecided["image"] = error.what
    bootable = flavors if cloud.volumes else [each for each in flavors if each.disk_gib]
    if found := choices.smallest_good_flavor(bootable, image):
        flavor, why = found
        picked["flavor"] = Pick(flavor.name, f"{flavor}: {why}")
        if not flavor.disk_gib:
            gib = max(roots.USUAL_GIB, image.min_disk_gib, image.virtual_gib) if image else 0
            gib = gib or roots.USUAL_GIB
            picked["root_gib"] = Pick(gib, f"volumes of {gib} GiB, since the flavor has no disk")
    else:
        undecided["flavor"] = "No flavor has 2 vCPU, 4 GiB of RAM and a disk for the image."
        if not cloud.volumes and any(not each.disk_gib for each in flavors):
            undecided["flavor"] += " Those without a disk need Cinder, which the cloud lacks."
    network = of_network(cloud)
    active = dict.fromkeys(o.image.name for o in offers if o.status == "active" and not o.hidden)
    options = {
        "image": list(active),
        "flavor": [each.name for each in bootable],
        "external_network": [each.name for each in cloud.external],
    }
    return Picks(
        picked | dict(network.picked),
        undecided | dict(network.undecided),
        options | dict(network.options),
        network.public,
    )


def of_network(cloud: Shape) -> Picks:
    """The keys for the network: what the cloud usually has, or what is there already."""
    if cloud.has_floating_ips and cloud.may_have("networks"):
        if cloud.may_have("routers"):
            return _external(cloud.external)
        if cloud.routers:
            return _router(cloud.routers)
    if cloud.has_floating_ips:
        led_out = [each for each in cloud.networks if each.id in cloud.own & cloud.routed]
        if led_out:
            return _given(led_out, "the project may make no router of its own", floating=True)
    why = "there are no floating IPs" if not cloud.has_floating_ips else "there can be no router"
    public = [each for each in cloud.networks if shape.is_public(each)]
    if public and cloud.may_have_private_networks:
        return _public_port(public, _external(cloud.external))
    leads_out = [each for each in cloud.networks if not _is_closed(cloud, each)]
    if leads_out:
        return _given(leads_out, why, floating=False)
    lacks = "no network takes machines of this project"
    if cloud.networks:
        lacks = f"no router is in {', '.join(each.name for each in cloud.networks)}"
    return Picks({}, {"network": f"Here {why}, and {lacks}: ask the cloud's operator for one."})


def _is_closed(cloud: Shape, network: GivenNetwork) -> bool:
    """Whether a network of the project's own has private addresses, and no router, although the
    cloud has floating IPs. Of one of others the project does not see that."""
    alone = network.id in cloud.own - cloud.routed
    return cloud.has_floating_ips and alone and not shape.is_public(network)


def _external(networks: Sequence[ExternalNetwork]) -> Picks:
    try:
        network = choices.choose_external_network(networks, StackFile())
    except SkytierError as error:
        return Picks({}, {"external_network": error.what})
    sole = len([n for n in networks if n.name == network.name]) == 1
    why = "the only one" if len(networks) == 1 else "the cloud's default"
    value = network.name if sole else network.id
    return Picks({"external_network": Pick(value, f"{network.name}: {why}")}, {})


def _router(routers: Sequence[GivenRouter]) -> Picks:
    names = _names(routers)
    why = "the project may make no router of its own"
    if len(names) > 1:
        said = f"Routers that are there: {', '.join(names)}; {why}."
        return Picks({}, {"router": said}, {"router": list(names)})
    [name] = names
    return Picks({"router": Pick(name, f"{routers[0].name}: {why}")}, {})


def _given(networks: Sequence[GivenNetwork], why: str, *, floating: bool) -> Picks:
    names = _names(networks)
    public = {} if floating else {name: _public(network) for name, network in names.items()}
    if len(names) > 1:
        listed = ", ".join(f"{each.name} ({each.subnet.cidr})" for each in networks)
        said = f"Networks that are there: {listed}; {why}."
        if public:
            said += ' Set public, too: "fixed" where its addresses are public ones, else "none".'
        return Picks({}, {"network": said}, {"network": list(names)}, public)
    [(name, network)] = names.items()
    picked = {"network": Pick(name, f"{network.name} ({network.subnet.cidr}): {why}")}
    return Picks(picked | ({"public": public[name]} if public else {}), {})


def _public_port(networks: Sequence[GivenNetwork], external: Picks) -> Picks:
    """Only what is public is on a network of others; the gateway of the router is on `external`."""
    port = Pick("port", "port: there are no floating IPs")
    names = _names(networks)
    if len(names) > 1:
        said = (
            f"Public networks that are there: {', '.join(names)}; there are no floating IPs. Set "
            'public = "port", too.'
        )
        return Picks(
            external.picked,
            {"public_network": said, **external.undecided},
            {"public_network": list(names)},
            dict.fromkeys(names, port),
        )
    [(name, network)] = names.items()
    said = f"{network.name} ({network.subnet.cidr}): its addresses are public ones"
    picked = {"public": port, "public_network": Pick(name, said)}
    return Picks(picked | dict(external.picked), external.undecided)


def _public(network: GivenNetwork) -> Pick:
    if shape.is_public(network):
        return Pick("fixed", f"fixed: the addresses of {network.name} are public ones")
    return Pick("none", f"none: the addresses of {network.name} are private ones")


def _names(there: Sequence[_Named]) -> dict[str, _Named]:
    """Each by what the stack file may call it: its name, or its id where another has that name."""
    names = [each.name for each in there]
    return {each.name if names.count(each.name) == 1 else each.id: each for each in there}

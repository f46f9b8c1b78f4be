"""What a newcomer's stack file should say about a cloud: picked where one choice is sensible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack import choices, images
from skytier.openstack.choices import ExternalNetwork
from skytier.openstack.flavor import Flavor
from skytier.openstack.images import Image, Offer
from skytier.stackfile import StackFile


@dataclass(frozen=True)
class Pick:
    """A value for a key of the stack file, and what is said of it."""

    value: str
    said: str
    """`ubuntu-24.04 of 2026-04-21: the newest Ubuntu LTS of the cloud`"""


@dataclass(frozen=True)
class Picks:
    """Key to pick; where none was sensible, why, and what there is to choose from."""

    picked: Mapping[str, Pick]
    undecided: Mapping[str, str]
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Key to every name that the key could have."""


def look(conn: Connection) -> Picks:
    """Image, flavor and external network, by three lists of the API."""
    return pick(
        choices.offered_images(conn), choices.offered_flavors(conn), choices.offered_networks(conn)
    )


def pick(
    offers: Sequence[Offer], flavors: Sequence[Flavor], networks: Sequence[ExternalNetwork]
) -> Picks:
    """The same from what is offered."""
    picked: dict[str, Pick] = {}
    undecided: dict[str, str] = {}
    image: Image | None = None
    try:
        image, why = images.by_rule(offers, "image")
        picked["image"] = Pick(image.name, f"{image.name} of {image.created[:10]}: {why}")
    except SkytierError as error:
        undecided["image"] = error.what
    if found := choices.smallest_good_flavor(flavors, image):
        flavor, why = found
        picked["flavor"] = Pick(flavor.name, f"{flavor}: {why}")
    else:
        undecided["flavor"] = "No flavor has 2 vCPU, 4 GiB of RAM and a disk for the image."
    try:
        network = choices.choose_external_network(networks, StackFile())
        sole = len([n for n in networks if n.name == network.name]) == 1
        why = "the only one" if len(networks) == 1 else "the cloud's default"
        value = network.name if sole else network.id
        picked["external_network"] = Pick(value, f"{network.name}: {why}")
    except SkytierError as error:
        undecided["external_network"] = error.what
    active = dict.fromkeys(o.image.name for o in offers if o.status == "active" and not o.hidden)
    options = {
        "image": list(active),
        "flavor": [each.name for each in flavors],
        "external_network": [each.name for each in networks],
    }
    return Picks(picked, undecided, options)

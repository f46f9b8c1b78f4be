"""What the machines are made of: names of the stack file become ids of the cloud."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from openstack.connection import Connection

from skytier.deploy.kind import Found
from skytier.errors import SkytierError
from skytier.listing import nearest_first
from skytier.openstack.choices import (
    address_pairs,
    given_network,
    given_router,
    images,
    ipv6,
    kept_images,
    load_balancer_service,
    public_network,
    roots,
    systems,
)
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.choices.public_network import PublicNetwork
from skytier.openstack.choices.systems import Described
from skytier.openstack.resources import glance
from skytier.release.platform import System
from skytier.stackfile import StackFile


@dataclass(frozen=True)
class ExternalNetwork:
    """A network of Neutron that floating IPs come from."""

    id: str
    name: str
    default: bool = False
    """Whether the cloud says that it is the one to take."""


NO_NETWORK = ExternalNetwork("", "none is needed")
_Offered = TypeVar("_Offered", Flavor, ExternalNetwork)


@dataclass(frozen=True)
class Offered:
    """What the cloud has to choose from."""

    images: Sequence[Offer]
    flavors: Sequence[Flavor]
    networks: Sequence[ExternalNetwork]
    given: GivenNetwork | None = None
    """The network that the stack file names for the machines."""
    router: GivenRouter | None = None
    """The router that it names for the private network."""
    pools: Sequence[ipv6.Pool] = ()
    """The subnet pools that IPv6 addresses can come from, where they are needed."""
    public: PublicNetwork | None = None
    """The network that it names for public ports."""
    provider: str = ""
    """The provider of the cloud's load balancers, where the stack has one."""


@dataclass(frozen=True)
class Choices:
    """What was found for every role of a stack."""

    images: Mapping[str, Image]
    flavors: Mapping[str, Flavor]
    external_network: ExternalNetwork
    systems: Mapping[str, System] = field(default_factory=dict)
    """The distribution of each role's image, as far as it can be told."""
    roots: Mapping[str, int] = field(default_factory=dict)
    """Role to the size, in GiB, of the volume that a new server boots from; 0 for none."""
    given: GivenNetwork | None = None
    """The network that is there already for the machines."""
    router: GivenRouter | None = None
    """The router that is there already for the private network."""
    newer: Mapping[str, Image] = field(default_factory=dict)
    """Role to an image with a newer version of its system than its servers have."""
    pool: ipv6.Pool | None = None
    """The subnet pool that the IPv6 addresses of a new private network come from."""
    named: Mapping[str, System] = field(default_factory=dict)
    """The distribution of every image of the cloud, by the image's name."""
    public: PublicNetwork | None = None
    """The network that is there already for public ports."""
    provider: str = ""
    """The provider of the load balancer; empty where the stack has none."""

    def system_of(self, image: str) -> System:
        """What an image has, by its name, as far as it can be told: also one that is gone."""
        return self.named.get(image) or systems.system_of(Described(image))


def offered(conn: Connection, stack: StackFile) -> Offered:
    """Images, flavors and external networks, by three lists of the API at once; the networks and
    the router that the stack file names; subnet pools and the provider of load balancers, if they
    are needed. Raises SkytierError for the networks and the router as their `find` does, where two
    balancers could share no address, and where there can be no load balancer."""
    with ThreadPoolExecutor(8) as pool:
        given = pool.submit(given_network.find, conn, stack)
        router = pool.submit(given_router.find, conn, stack)
        images = pool.submit(offered_images, conn)
        flavors = pool.submit(offered_flavors, conn)
        networks = pool.submit(offered_networks, conn)
        pools = pool.submit(ipv6.offered, conn, stack)
        public = pool.submit(public_network.find, conn, stack)
        provider = pool.submit(load_balancer_service.provider, conn, stack)
    address_pairs.check(conn, stack, given.result())
    return Offered(
        *(images.result(), flavors.result(), networks.result()),
        *(given.result(), router.result()),
        pools=pools.result(),
        public=public.result(),
        provider=provider.result(),
    )


def choose(
    offered: Offered, stack: StackFile, there: Sequence[Found] = (), leads_to: str = ""
) -> Choices:
    """Image and flavor for every role, and the external network.

    `there` are the stack's servers: where no image is named, a role keeps that of its servers.
    `leads_to` is the id of the external network that the stack's own router leads to now.
    Raises SkytierError for what there is not, with what there is and the key to set.
    """
    public_network.check_way_out(stack, offered.router, offered.networks)
    chosen = choose_images(offered.images, stack, there)
    flavors = choose_flavors(offered.flavors, stack)
    by_id = {offer.image.id: offer.system for offer in offered.images}
    return Choices(
        chosen,
        flavors,
        choose_external_network(offered.networks, stack, offered.router, leads_to),
        {role: by_id[image.id] for role, image in chosen.items()},
        roots.choose(stack, flavors, chosen),
        offered.given,
        offered.router,
        kept_images.newer(offered.images, stack, there),
        ipv6.choose(offered.pools, stack),
        {offer.image.name: offer.system for offer in offered.images},
        public=offered.public,
        provider=offered.provider,
    )


def offered_images(conn: Connection) -> list[Offer]:
    """Every image that the project sees, active or not."""
    return [_offer(image) for image in glance.images(conn)]


def _offer(image: Any) -> Offer:
    properties = image.properties or {}
    return Offer(
        Image(
            image.id,
            image.name or "",
            image.created_at or "",
            image.min_disk or 0,
            image.min_ram or 0,
            -(-(image.virtual_size or 0) // 2**30),
        ),
        status=image.status,
        distribution=image.os_distro or "",
        version=image.os_version or "",
        purpose=str(properties.get("os_purpose") or ""),
        architecture=image.architecture or "",
        hidden=bool(image.is_hidden),
        snapshot=properties.get("image_type") == "snapshot",
    )


def offered_flavors(conn: Connection) -> list[Flavor]:
    """Every flavor that the project may use."""
    return [
        Flavor(f.id, f.name, f.vcpus, f.ram, f.disk)
        for f in conn.compute.flavors(details=True)
        if not f.is_disabled
    ]


def offered_networks(conn: Connection) -> list[ExternalNetwork]:
    """Every external network that the project sees."""
    return external_among(conn.network.networks(is_router_external=True))


def external_among(networks: Iterable[Any]) -> list[ExternalNetwork]:
    """The external ones of a list of networks."""
    return [
        ExternalNetwork(n.id, n.name, bool(n.is_default)) for n in networks if n.is_router_external
    ]


def choose_images(
    offers: Sequence[Offer], stack: StackFile, there: Sequence[Found] = ()
) -> dict[str, Image]:
    """Role to the image of its new servers. Raises SkytierError as `choose` does."""
    chosen = {}
    for role in stack.machines():
        key, wanted = stack.image_key(role), stack.image_of(role)
        if wanted:
            chosen[role] = images.by_name(offers, wanted, key)
            continue
        kept = kept_images.names(there, role)
        active = [o.image for o in offers if o.status == "active" and o.image.name in kept]
        # What the cloud does not have any more cannot be kept for a new server.
        chosen[role] = (
            max(active, key=lambda image: (-kept.index(image.name), image.created))
            if active
            else images.by_rule(offers, key)[0]
        )
    return chosen


def choose_flavors(offers: Sequence[Flavor], stack: StackFile) -> dict[str, Flavor]:
    """Role to flavor, by name or else id. Raises SkytierError as `choose` does."""
    chosen = {}
    for role, section in stack.machines().items():
        key = f"{role}.flavor" if section.flavor else "flavor"
        do = f'Name one in the stack file: {key} = "..."'
        chosen[role] = flavor(offers, section.flavor or stack.flavor, do)
    return chosen


def flavor(offers: Sequence[Flavor], wanted: str, do: str) -> Flavor:
    """The one of a name, or else an id. Raises SkytierError with what to do, if there is none."""
    if found := _named(offers, wanted):
        return found[0]
    raise SkytierError(
        f"The cloud has no flavor {wanted!r}. It has {nearest_first(wanted, map(str, offers))}.",
        do,
    )


def choose_external_network(
    offers: Sequence[ExternalNetwork],
    stack: StackFile,
    router: GivenRouter | None = None,
    leads_to: str = "",
) -> ExternalNetwork:
    """The one that is named; else the one that the stack's own router `leads_to` now, the only one,
    or the default. NO_NETWORK if none is needed.

    With a `router` that is there it is the one that this leads to. Raises SkytierError as `choose`
    does, also when several may be meant.
    """
    if not stack.needs_external_network:
        return NO_NETWORK
    if router:
        return _behind(router, offers, stack)
    wanted = stack.external_network
    if leads_to and not wanted:
        kept = (network for network in offers if network.id == leads_to)
        return next(kept, ExternalNetwork(leads_to, leads_to))
    names = [network.name for network in offers]
    do = 'Name one in the stack file: external_network = "..."'
    if not offers:
        raise SkytierError(
            "The cloud has no external network that this project sees, and without one there are "
            "no floating IPs.",
            "Ask who runs the cloud for a network with router:external. Or name a network in the "
            "stack file where machines have addresses that can be reached: network, with "
            'public = "fixed" or "none".',
        )
    if not wanted:
        for sole in (offers, [network for network in offers if network.default]):
            if len(sole) == 1:
                return sole[0]
        raise SkytierError(f"The cloud has several external networks: {', '.join(names)}.", do)
    found = _named(offers, wanted)
    if not found:
        what = f"The cloud has no external network {wanted!r}. It has "
        raise SkytierError(f"{what}{nearest_first(wanted, names)}.", do)
    if len(found) > 1:
        ids = ", ".join(network.id for network in found)
        raise SkytierError(
            f"The cloud has several external networks {wanted!r}: {ids}.",
            "Name one by its id in the stack file: external_network",
        )
    return found[0]


def _behind(
    router: GivenRouter, offers: Sequence[ExternalNetwork], stack: StackFile
) -> ExternalNetwork:
    """The external network that a router leads to. Raises SkytierError where it leads to none, or
    to another one than the stack file names."""
    if not router.external_network:
        raise SkytierError(
            f"The router {router.name} has no gateway to an external network, so no floating IP "
            "leads through it.",
            "Name a router with a gateway in the stack file, take router out so that the stack "
            'gets its own, or do without floating IPs: public = "none".',
        )
    found = next((each for each in offers if each.id == router.external_network), None)
    if found is None:
        raise SkytierError(
            f"The router {router.name} leads to the network {router.external_network}, which is no "
            "external network that this project sees, so it gives no floating IPs.",
            "Ask who runs the cloud, or name another router in the stack file.",
        )
    if stack.external_network not in (None, found.name, found.id):
        raise SkytierError(
            f"The router {router.name} leads to the external network {found.name}, and the stack "
            f"file names {stack.external_network!r}.",
            "Take external_network out of the stack file, or name another router.",
        )
    return found


def smallest_good_flavor(
    offers: Sequence[Flavor], image: Image | None
) -> tuple[Flavor, str] | None:
    """The flavor for a newcomer, and why: m1.small where it fits, or the smallest good one.

    One without a disk, whose servers boot from volumes, is taken where no other is good. None when
    there is no flavor with 2 vCPU, 4 GiB of RAM and a disk that holds the image.
    """
    disk_gib = max(10, image.min_disk_gib if image else 0)
    ram_mib = image.min_ram_mib if image else 0
    for each in offers:
        if each.name == "m1.small" and each.disk_gib >= disk_gib and each.ram_mib >= ram_mib:
            return each, "the usual one"
    large = [
        each
        for each in offers
        if each.vcpus >= 2 and each.ram_mib >= max(4096, ram_mib)
        if not re.search("gpu", each.name, re.IGNORECASE)
    ]
    good = [each for each in large if each.disk_gib >= disk_gib]
    without_disk = [each for each in large if not each.disk_gib]
    if not good and not without_disk:
        return None
    smallest = min(good or without_disk, key=lambda f: (f.ram_mib, f.vcpus, f.disk_gib, f.name))
    why = "the smallest with 2 vCPU and 4 GiB of RAM"
    return smallest, why if good else f"{why}; it has no disk, so servers boot from volumes"


def _named(offers: Sequence[_Offered], wanted: str) -> list[_Offered]:
    """Those of a name; else the one of an id, since a name may look like another's id."""
    return [o for o in offers if o.name == wanted] or [o for o in offers if o.id == wanted]

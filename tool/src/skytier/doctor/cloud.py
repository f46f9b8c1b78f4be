"""Checks of a cloud: whether it can be reached, and has what the stack file asks for."""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property

from keystoneauth1.session import Session
from openstack.config.cloud_region import CloudRegion
from openstack.connection import Connection

from skytier.doctor.check import Finding, State, failed, ok, warning
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.choices import (
    address_pairs,
    backup_host,
    choices,
    given_network,
    given_router,
    limits,
    public_network,
    quota,
    redis_version,
    roots,
    shape,
)
from skytier.openstack.choices import ipv6 as source
from skytier.openstack.choices.choices import ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image
from skytier.openstack.login import clouds, keystone
from skytier.openstack.login.connection import connect
from skytier.openstack.plan import makeable, needs
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import Server
from skytier.stackfile import StackFile

REACH_TIMEOUT_S = 30.0
SKEW_TO_WARN_S = 30.0
SKEW_TO_FAIL_S = 300.0


@dataclass
class Subject:
    """A stack file and a cloud, with what the checks have found so far."""

    stack: StackFile
    cloud: str | None
    """None takes OS_CLOUD, or what OS_AUTH_URL and its like say."""
    skew_s: float = field(default=0, init=False)
    images: dict[str, Image] = field(default_factory=dict, init=False)
    flavors: dict[str, Flavor] = field(default_factory=dict, init=False)
    roots: dict[str, int] = field(default_factory=dict, init=False)

    @cached_property
    def conn(self) -> Connection:
        return connect(self.cloud, self.stack.region)

    @cached_property
    def config(self) -> CloudRegion:
        """What clouds.yaml says. A connection already asks Keystone, and patiently."""
        return clouds.region(self.cloud, region_name=self.stack.region)

    @cached_property
    def given(self) -> GivenNetwork | None:
        return given_network.find(self.conn, self.stack)

    @cached_property
    def router(self) -> GivenRouter | None:
        return given_router.find(self.conn, self.stack)

    @cached_property
    def external(self) -> list[ExternalNetwork]:
        """The external networks, which several checks are about."""
        return choices.offered_networks(self.conn)

    @property
    def auth_url(self) -> str:
        return str(self.config.auth.get("auth_url", ""))

    @property
    def who(self) -> str:
        """The user, the project and the address, as clouds.yaml has them."""
        auth = self.config.auth
        if application := (
            auth.get("application_credential_id") or auth.get("application_credential_name")
        ):
            return f"the application credential {application} at {self.auth_url}"
        user = auth.get("username") or auth.get("user_id") or "(no user)"
        project = auth.get("project_name") or auth.get("project_id") or "(no project)"
        return f"user {user}, project {project}, at {self.auth_url}"


def clouds_yaml(subject: Subject) -> Finding:
    """Whether there is a cloud of that name, and where it is written."""
    found = clouds.find()
    config = subject.config  # raises with the clouds that there are
    named = str(config.name) in found.names
    where = found.file if named else "the OS_* variables of the environment"
    region = f", region {name}" if (name := config.get_region_name()) else ""
    if not config.auth.get("auth_url"):
        return failed(
            f"{where} gives no auth_url for {config.name}.",
            "Download clouds.yaml from your cloud's dashboard (API Access), and put it into "
            "~/.config/openstack/.",
        )
    return ok(f"{config.name} in {where}{region}")


def reach(subject: Subject) -> Finding:
    """Whether Keystone answers at all, and quickly: no patience here, and no password sent."""
    verify, cert = subject.config.get_requests_verify_args()
    session = Session(verify=verify, cert=cert, timeout=REACH_TIMEOUT_S)
    url = subject.auth_url
    begin = time.time()
    answer = keystone.look(session, url)  # raises what is wrong with it
    end = time.time()
    if date := answer.headers.get("Date"):
        # The answer was written some time between; Date has whole seconds.
        server = parsedate_to_datetime(date).timestamp() + 0.5
        middle = (begin + end) / 2
        subject.skew_s = middle - server if abs(middle - server) > (end - begin) / 2 + 1 else 0.0
    return ok(f"{url} answers")


def clock(subject: Subject) -> Finding:
    """This machine's clock against Keystone's: tokens and certificates go by it."""
    skew = abs(subject.skew_s)
    if skew < SKEW_TO_WARN_S:
        return ok("as Keystone's" if skew == 0 else f"{skew:.0f} s off Keystone's")
    side = "ahead of" if subject.skew_s > 0 else "behind"
    said = f"This machine is {skew:.0f} s {side} Keystone."
    do = "Set the clock: timedatectl set-ntp true"
    return failed(said, do) if skew >= SKEW_TO_FAIL_S else warning(said, do)


def credentials(subject: Subject) -> Finding:
    """Whether Keystone gives a token for the project."""
    do = "Check the user, the password and the project in clouds.yaml; they may have expired."
    try:
        subject.conn.authorize()
    except catalog.NoRegionError:
        return ok(subject.who)  # Keystone gave a token; the next check says what is wrong
    except Exception as error:
        # What `connect` makes of it does not say who was refused.
        cause = (error.__cause__ or error) if isinstance(error, SkytierError) else error
        return failed(f"Keystone refuses {subject.who}: {_reason(cause)}", do)
    if not subject.conn.current_project_id:
        return failed(
            f"The token is for no project: {subject.who}.",
            "Add project_name (and project_domain_name) to clouds.yaml.",
        )
    return ok(subject.who)


def services(subject: Subject) -> Finding:
    """Whether the catalog has the region, and the services that a stack needs there."""
    conn = subject.conn  # raises with the regions that there are
    there, regions = catalog.services(conn), catalog.regions(conn)
    needed = {"compute": catalog.COMPUTE, "image": catalog.IMAGE, "network": catalog.NETWORK}
    missing = [name for name, types in needed.items() if not there & types]
    if missing:
        return failed(
            f"The catalog has no {' and no '.join(missing)} service for this project.",
            "Check region_name in clouds.yaml, or region in the stack file, or ask the cloud's "
            "operator.",
        )
    if subject.stack.volumes() and not there & catalog.BLOCK_STORAGE:
        return failed(
            "The catalog has no volume service (Cinder), and database.volume_gib asks for one.",
            "Leave volume_gib out of the stack file to keep the data on the server's own disk.",
        )
    extra = "volumes" if there & catalog.BLOCK_STORAGE else "no volumes"
    said = f"compute, image, network; {extra}"
    if not (region := catalog.region(conn)):
        return ok(said)
    said += f"; region {region}"
    if len(regions) > 1:
        said += f" of {', '.join(regions)}"
    if len(regions) > 1 and not conn.config.get_region_name():
        return warning(
            f"{said}, which is the first one: none is named.",
            "Name it, so that it stays the same: region_name in clouds.yaml.",
        )
    return ok(said)


def flavors(subject: Subject) -> Finding:
    """Whether there are the flavors that the stack file names."""
    subject.flavors = choices.choose_flavors(choices.offered_flavors(subject.conn), subject.stack)
    return ok(_by_role({role: str(flavor) for role, flavor in subject.flavors.items()}))


def images(subject: Subject) -> Finding:
    """Whether there are the images that the stack file names, and whether they fit the flavors."""
    project = Project(subject.conn, subject.stack.name)
    servers = list(Server(project).find())
    offered = choices.offered_images(subject.conn)
    subject.images = choices.choose_images(offered, subject.stack, servers)
    systems = {offer.image.id: offer.system for offer in offered}
    by_role = {role: systems[image.id] for role, image in subject.images.items()}
    backup_host.check(subject.stack, subject.images, by_role)
    redis_version.check(subject.stack, subject.images, by_role)
    said = _by_role(
        {role: f"{i.name} of {i.created[:10]} ({i.id})" for role, i in subject.images.items()}
    )
    subject.roots = roots.choose(subject.stack, subject.flavors, subject.images)
    new = makeable.of_stack(subject.stack, subject.roots)
    makeable.check_images(new, subject.stack, subject.images, subject.flavors)
    return ok(said)


def root_volumes(subject: Subject) -> Finding:
    """Whether machines boot from volumes, and the cloud has Cinder then."""
    with_root = {role: gib for role, gib in subject.roots.items() if gib}
    if not with_root:
        return ok("machines boot from the disk of their flavor")
    if not catalog.has_volumes(subject.conn):
        role = next(iter(with_root))
        error = roots.refuse_without_cinder(subject.stack, role, subject.flavors[role])
        return failed(error.what, error.do or "")
    sizes = {
        role: f"new machines boot from a volume of {gib} GiB" for role, gib in with_root.items()
    }
    return ok(_by_role(sizes))


_NO_VOLUME = "there is no volume that has one"


def zones(subject: Subject) -> Finding:
    """Whether there are the availability zones that the stack file names."""
    named, there = makeable.of_stack(subject.stack, {}).zones, shape.zones(subject.conn)
    makeable.check_zones(named, there, subject.stack)
    return _all_there(named.values(), there)


def volume_zones(subject: Subject) -> Finding:
    """Whether there are the zones of volumes that the stack file names."""
    named = makeable.of_stack(subject.stack, subject.roots).volume_zones
    if not named:
        return ok(_NO_VOLUME)
    there = shape.volume_zones(subject.conn)
    makeable.check_volume_zones(named, there, subject.stack)
    return _all_there(named.values(), there)


def volume_types(subject: Subject) -> Finding:
    """Whether there are the types of volumes that the stack file names."""
    named = makeable.of_stack(subject.stack, subject.roots).types
    if not named:
        return ok(_NO_VOLUME)
    there = shape.volume_types(subject.conn)
    makeable.check_types(named, there, subject.stack)
    return _all_there(named.values(), there)


def _all_there(named: Iterable[str], there: Collection[str]) -> Finding:
    """Of what was looked up in a list of the cloud, which is empty where it does not tell."""
    said = ", ".join(dict.fromkeys(named))
    return ok(said if there else f"{said}; the cloud does not tell which there are")


def network(subject: Subject) -> Finding:
    """Whether the network that the stack file names is there, and takes ports of this project."""
    found, public = subject.given, public_network.find(subject.conn, subject.stack)
    if public:
        public_network.check_way_out(subject.stack, subject.router, subject.external)
        return ok(
            f"the entry point gets a port on {public.name} ({public.id}), addresses of "
            f"{', '.join(public.cidrs)}; {_way_out(subject)}"
        )
    if router := subject.router:
        return ok(
            f"the stack gets its own, with an interface on the router {router.name} ({router.id})"
        )
    if found is None:
        return ok("the stack gets its own, with a router")
    if not found.id:
        return ok("Neutron can make one with a router for this project (auto-allocated topology)")
    said = f"{found.name} ({found.id}), addresses of {found.subnet.cidr}; no router is made"
    # Of a network of others the project does not see it.
    if subject.stack.has_floating_ips and found.own and found.id not in shape.routed(subject.conn):
        return warning(
            f"{said}, and this project sees none there: floating IPs lead through one.",
            "Add its subnet to a router with a gateway: openstack router add subnet. Or name "
            "another network in the stack file.",
        )
    return ok(said)


def _way_out(subject: Subject) -> str:
    """How machines without a public port get packages."""
    if router := subject.router:
        return f"the others have a way out by the router {router.name}"
    if subject.stack.makes_router:
        return "the others have a way out by a router of the stack's own, without floating IPs"
    if subject.stack.router:
        return "the others have no way out, so their images need all packages"
    return "there is no other machine, and no router is made"


def external_network(subject: Subject) -> Finding:
    """Whether it is clear which network floating IPs come from, and the router leads there."""
    if not subject.stack.needs_external_network:
        return ok("none is needed")
    router = subject.router
    found: ExternalNetwork = choices.choose_external_network(
        subject.external, subject.stack, router
    )
    return ok(f"{found.name} ({found.id})" + (f", through {router.name}" if router else ""))


def ipv6(subject: Subject) -> Finding:
    """Where the IPv6 addresses come from, and whether they lead to the outside, as far as the
    project sees that."""
    stack, given, router = subject.stack, subject.given, subject.router
    if given and given.ipv6:
        return ok(f"addresses of {given.ipv6.cidr}, the subnet {given.ipv6.name}")
    pool = source.choose(source.offered(subject.conn, stack), stack)
    if not stack.ipv6_cidr and pool is None and not _has_ipv6(subject):
        error = source.no_prefix()
        return failed(error.what, error.do or "")
    said = f"addresses of {stack.ipv6_cidr or (f'the pool {pool.name}' if pool else 'the stack')}"
    if router and not router.has_ipv6:
        return warning(
            f"{said}, and the external network has given the router {router.name} no IPv6 address.",
            "Ask the cloud's operator: visitors reach the stack by IPv4 alone until then.",
        )
    if router:
        return ok(f"{said}, through the router {router.name}")
    external = choices.choose_external_network(subject.external, stack)
    subnets = subject.conn.network.subnets(network_id=external.id, ip_version=6)
    if any(True for _ in subnets):
        return ok(f"{said}, through {external.name}, which has IPv6")
    return ok(
        f"{said}; the project sees no IPv6 of {external.name}, so only up can tell whether the "
        "router gets an IPv6 address"
    )


def _has_ipv6(subject: Subject) -> bool:
    mark = Project(subject.conn, subject.stack.name).mark
    return any(True for _ in subject.conn.network.subnets(description=mark, ip_version=6))


def balancers(subject: Subject) -> Finding:
    """Whether the network lets two balancers share an address."""
    address_pairs.check(subject.conn, subject.stack, subject.given)
    network = f"the network {subject.given.name}" if subject.given else "the stack's own network"
    return ok(f"two can share an address in {network}: Neutron has address pairs")


def floating_ip(subject: Subject) -> Finding:
    """Whether an address of the operator's own is there, and free or the stack's already."""
    address = subject.stack.floating_ip
    if not subject.stack.has_floating_ips:
        return ok(f'there is none: public is "{subject.stack.public}"')
    if address is None and subject.stack.shares_address:
        return ok("one is allocated for visitors, and one for the operators of each balancer")
    if address is None and subject.stack.has_load_balancer:
        return ok("one is allocated for visitors, and one for operators")
    if address is None:
        return ok("one is allocated for the stack")
    conn = subject.conn
    found = next(
        iter(conn.network.ips(floating_ip_address=address, project_id=conn.current_project_id)),
        None,
    )
    if found is None:
        return failed(
            f"This project has no floating IP {address}.",
            "Allocate it, or leave floating_ip out of the stack file to have one allocated.",
        )
    if found.port_id and not _is_ours(subject, found.port_id):
        return failed(
            f"The floating IP {address} leads to another port already: {found.port_id}.",
            "Skytier does not take an address away from another port: disassociate it first, or "
            "name another one.",
        )
    return ok(f"{address}, which is yours and stays yours")


def _is_ours(subject: Subject, port_id: str) -> bool:
    port = subject.conn.network.get_port(port_id)
    project = Project(subject.conn, subject.stack.name)
    return port.description in (project.mark, project.of_virtual_address)


def quotas(subject: Subject) -> Finding:
    """Whether the whole plan fits, less what the stack has already."""
    wanted = needs.whole_plan(subject.stack, subject.flavors, subject.roots)
    more = wanted - needs.quota_in_use(Project(subject.conn, subject.stack.name))
    rows = tuple(quota.check(more, limits.read(subject.conn, more)))
    short = [f"{row.short_by} {quota.words(row.name)}" for row in rows if row.short_by]
    if short:
        return Finding(
            State.FAILED,
            f"Short by {', '.join(short)}.",
            quota.MORE_ROOM,
            rows,
        )
    low = [quota.words(row.name) for row in rows if row.verdict is quota.Verdict.LOW]
    unknown = [quota.words(row.name) for row in rows if row.verdict is quota.Verdict.UNKNOWN]
    if low or unknown:
        parts = [f"low afterwards: {', '.join(low)}" if low else ""]
        parts += [f"the cloud does not tell: {', '.join(unknown)}" if unknown else ""]
        said = "; ".join(part for part in parts if part)
        do = "There may be no room for more web servers, or for replacing a machine."
        return Finding(State.WARNING, f"The plan fits; {said}.", do, rows)
    said = "the whole plan fits" if rows else "the whole stack is there already"
    return Finding(State.OK, said, quota=rows)


def _by_role(said: dict[str, str]) -> str:
    """Once, where it is the same for all."""
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{role}: {what}" for role, what in said.items())


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition(" (HTTP ")[0]

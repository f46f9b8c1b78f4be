"""The network of a stack's machines as it should be: security groups, and what is not there yet."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from skytier.deploy.kind import Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.choices.ipv6 import no_prefix
from skytier.openstack.plan import public_port
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.router import Router
from skytier.openstack.resources.router_interface import RouterInterface
from skytier.openstack.resources.subnet import Subnet
from skytier.topology import PRIVATE, IngressRule

MACHINES = "machines"
"""The group of all machines of a stack on a network where others have machines, too."""
_BACK = (
    "Set `network` and `subnet` in the stack file back as they were, or bring up another stack "
    "beside this one: another `name`."
)


def refuse_move(resolved: ResolvedStack, known: Known) -> None:
    """Raises SkytierError where the machines are on another network or subnet than the wanted one,
    or where the wanted one is the stack's own, which goes with a stack file that names one. So it
    does where the private network is on another router, or its own one would have to lead to
    another external network."""
    _refuse_another_router(resolved, known)
    _refuse_another_external_network(resolved, known)
    public_port.refuse_move(resolved, known)
    given, own = resolved.choices.given, known.get(resolved.key("network"))
    if own and not given:
        return
    if own and given and own.id == given.id:
        raise SkytierError(
            f"The network {given.name} is this stack's own: it would be deleted once the stack "
            "file names a network that is there.",
            "Take `network` out of the stack file.",
        )
    wanted = given.id if given else ""
    for key, port in known.items():
        if key.kind != "port":
            continue
        if port.attributes["network"] != wanted:
            raise SkytierError(
                f"The machine {key.name} is on another network than the stack file says, and "
                "machines do not move to another network.",
                _BACK,
            )
        address = port.facts["address"]
        if given and address and not _is_on(address, given.subnet.cidr):
            raise SkytierError(
                f"The machine {key.name} has the address {address}, which is not of the subnet "
                f"{given.subnet.name} ({given.subnet.cidr}), and machines do not move to another "
                "subnet.",
                _BACK,
            )


def _refuse_another_router(resolved: ResolvedStack, known: Known) -> None:
    router = resolved.choices.router
    own, interface = known.get(resolved.key(Router.name)), known.get(_interface(resolved))
    on = interface.attributes["router"] if interface else ""
    if (router and (own or on not in ("", router.id))) or (on and not router):
        raise SkytierError(
            "The private network of the stack is on another router than the stack file says, and "
            "it does not move to another one: its floating IPs would be lost.",
            "Set `router` in the stack file back as it was, or bring up another stack beside this "
            "one: another `name`.",
        )


def _refuse_another_external_network(resolved: ResolvedStack, known: Known) -> None:
    """Neutron leaves a router where it is while floating IPs lead through it."""
    own, wanted = known.get(resolved.key(Router.name)), resolved.choices.external_network
    now = own.attributes["external_network"] if own else None
    if not now or not wanted.id or now == wanted.id:
        return
    if any(key.kind == FloatingIP.name for key in known):
        raise SkytierError(
            f"The floating IPs of the stack are of the external network {now}, and the stack file "
            f"names {wanted.name}. They do not move to another one: each would be another address.",
            f'Set external_network = "{now}" in the stack file, or bring up another stack beside '
            "this one: another `name`.",
        )


def _interface(resolved: ResolvedStack) -> Key:
    return resolved.key(RouterInterface.name)


def way_out(resolved: ResolvedStack) -> list[Key]:
    """What has to be there before a machine reaches the outside; nothing on a given network, and
    where there is no router."""
    if resolved.choices.given or not _has_router(resolved):
        return []
    both = resolved.choices.router and resolved.stack.ipv6
    return [_router(resolved), *([_ipv6_interface(resolved)] if both else [])]


def ipv6_subnet(resolved: ResolvedStack) -> Key:
    """The subnet of the IPv6 addresses in a network of the stack's own."""
    return resolved.key(Subnet.name, "subnet-ipv6")


def _ipv6_interface(resolved: ResolvedStack) -> Key:
    return resolved.key(RouterInterface.name, "router-interface-ipv6")


def _has_router(resolved: ResolvedStack) -> bool:
    return bool(resolved.choices.router) or resolved.stack.makes_router


def _router(resolved: ResolvedStack) -> Key:
    return _interface(resolved) if resolved.choices.router else resolved.key(Router.name)


def _is_on(address: str, cidr: str) -> bool:
    return ":" not in address and IPv4Address(address) in IPv4Network(cidr)


def groups_of(resolved: ResolvedStack, role: str) -> list[Key]:
    """The security groups of the ports of a role."""
    own = resolved.key("security group", role)
    return [own, resolved.key("security group", MACHINES)] if resolved.choices.given else [own]


def port(
    resolved: ResolvedStack,
    project: Project,
    key: Key,
    groups: Sequence[Key],
    place: Mapping[str, str] | None = None,
) -> Wanted:
    """A machine's place in the network, behind security groups.

    `place` is the mac and the address that it had before, in a network of the stack's own.
    """
    given, ipv6 = resolved.choices.given, resolved.stack.ipv6
    of_ipv6 = given.ipv6.id if given and given.ipv6 else ipv6_subnet(resolved)
    subnets = [resolved.key("subnet"), *([ipv6_subnet(resolved)] if ipv6 else [])]
    return Wanted(
        key,
        {
            "network": given.id if given else resolved.key("network"),
            "security_groups": list(groups),
            "tags": project.tags,
            **({"ipv6": True} if ipv6 else {}),
        },
        {
            **({"subnet": given.subnet.id} if given else dict(place or {})),
            **({"ipv6_subnet": of_ipv6} if ipv6 else {}),
        },
        needs=groups if given else [*subnets, *groups],
    )


def groups(
    resolved: ResolvedStack, project: Project, public_key: str, known: Known
) -> list[Wanted]:
    """The key pair, and a security group for each role.

    On the stack's own network its machines are told by their addresses. On a network that is given
    neighbours have such addresses, too, so a group without rules tells them.
    """
    key, stack = resolved.key, resolved.stack
    machines = key("security group", MACHINES) if resolved.choices.given else None
    ingress_rules = public_port.by_port(resolved, resolved.ingress_rules(known))
    groups = {name: key("security group", name) for name in ingress_rules}
    moves_from = resolved.moves_from(known)
    leaves = {moves_from: key("security group", moves_from)} if moves_from else {}
    remotes = {**groups, **leaves, PRIVATE: machines or stack.cidr}
    return [
        Wanted(key("key pair"), {"public_key": public_key}),
        *([Wanted(machines, {"rules": [], "tags": project.tags})] if machines else []),
        *(
            Wanted(
                groups[name],
                {"rules": _rules(rules, remotes), "tags": project.tags},
                needs=[
                    groups[rule.remote]
                    for rule in rules
                    if rule.remote in groups and rule.remote != name
                ]
                + ([machines] if machines else []),
            )
            for name, rules in ingress_rules.items()
        ),
    ]


def own_network(resolved: ResolvedStack, project: Project, known: Known) -> list[Wanted]:
    """The private network with its way out, where the stack file names none that is there.

    Raises SkytierError where nothing says which IPv6 addresses it is to have.
    """
    key, stack = resolved.key, resolved.stack
    if resolved.choices.given:
        return []
    network, subnet, router = key("network"), key("subnet"), resolved.choices.router
    ipv6 = [_ipv6(resolved, project, known)] if stack.ipv6 else []
    subnets = [subnet, *(each.key for each in ipv6)]
    leads_out = {"subnets": subnets, "external_network": resolved.choices.external_network.id}
    return [
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
        *(
            Wanted(
                each,
                {
                    **({"router": router.id, "subnet": subnet} if router else leads_out),
                    "tags": project.tags,
                },
                {"ipv6": stack.ipv6},
                needs=[subnet] if router else subnets,
            )
            for each in ([_router(resolved)] if _has_router(resolved) else [])
        ),
        *ipv6,
        *(
            Wanted(
                _ipv6_interface(resolved),
                {"router": router.id, "subnet": each.key, "tags": project.tags},
                {"ipv6": True},
                needs=[each.key],
            )
            for each in ipv6
            if router
        ),
    ]


def _ipv6(resolved: ResolvedStack, project: Project, known: Known) -> Wanted:
    """The subnet of the IPv6 addresses. One that a pool gave stays as it is."""
    stack, pool, key = resolved.stack, resolved.choices.pool, ipv6_subnet(resolved)
    there = known.get(key)
    cidr = stack.ipv6_cidr or (there.attributes["cidr"] if there else "")
    if not cidr and pool is None:
        raise no_prefix()
    return Wanted(
        key,
        {"network": resolved.key("network"), "cidr": cidr, "dns": [], "tags": project.tags},
        {"ipv6": True, "pool": pool.id if pool else ""},
        needs=[resolved.key("network")],
        protected="the IPv6 addresses of all machines",
        outlived="Or take ipv6 out of the stack file and run skytier up, and then set it again "
        "with the other addresses: IPv4 serves meanwhile.",
    )


def _rules(
    ingress_rules: Sequence[IngressRule], remotes: Mapping[str, Key | str]
) -> list[list[object]]:
    return [[each.port, remotes.get(each.remote, each.remote)] for each in ingress_rules]

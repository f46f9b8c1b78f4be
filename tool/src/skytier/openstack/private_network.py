"""The network of a stack's machines as it should be: security groups, and what is not there yet."""

from collections.abc import Mapping, Sequence

from skytier.deploy.kind import Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.topology import PRIVATE, IngressRule


def refuse_move(resolved: ResolvedStack, known: Known) -> None:
    """Raises SkytierError where the machines are on another network than the wanted one."""
    given, own = resolved.choices.given, known.get(resolved.key("network"))
    if own and not given:
        return
    wanted = given.id if given else ""
    for key, port in known.items():
        if key.kind == "port" and port.attributes["network"] != wanted:
            raise SkytierError(
                f"The machine {key.name} is on another network than the stack file says, and "
                "machines do not move to another network.",
                "Set `network` in the stack file back as it was, or bring up another stack beside "
                "this one: another `name`.",
            )


def groups(
    resolved: ResolvedStack, project: Project, public_key: str, known: Known
) -> list[Wanted]:
    """The key pair, and a security group for each role."""
    key, stack = resolved.key, resolved.stack
    ingress_rules = resolved.ingress_rules(known)
    groups = {name: key("security group", name) for name in ingress_rules}
    moves_from = resolved.moves_from(known)
    remotes = groups | ({moves_from: key("security group", moves_from)} if moves_from else {})
    return [
        Wanted(key("key pair"), {}, {"public_key": public_key}),
        *(
            Wanted(
                groups[name],
                {"rules": _rules(rules, remotes, stack.cidr), "tags": project.tags},
                needs=[
                    groups[rule.remote]
                    for rule in rules
                    if rule.remote in groups and rule.remote != name
                ],
            )
            for name, rules in ingress_rules.items()
        ),
    ]


def own_network(resolved: ResolvedStack, project: Project) -> list[Wanted]:
    """The private network with its way out, where the stack file names none that is there."""
    key, stack = resolved.key, resolved.stack
    if resolved.choices.given:
        return []
    network, subnet = key("network"), key("subnet")
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

"""The second port of what is public, as it should be: its rules, and where it cannot be changed."""

from collections.abc import Mapping, Sequence

from skytier.deploy.kind import Key, Known, Wanted
from skytier.errors import SkytierError
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.interface import PUBLIC_PORT
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.public_port import PublicPort
from skytier.roles.role import public_role
from skytier.topology import IngressRule

PUBLIC = "public"
"""The group of all public ports of a stack."""


def of(resolved: ResolvedStack, role: str, number: int) -> Key | None:
    """The public port of a machine; None for one that has none."""
    if not resolved.choices.public or role != public_role(resolved.stack, resolved.roles):
        return None
    return resolved.key(PublicPort.name, role, number)


def group(resolved: ResolvedStack) -> Key:
    """The security group of the public ports."""
    return resolved.key("security group", PUBLIC)


def wanted(resolved: ResolvedStack, project: Project, port: Key) -> Wanted:
    """A public port, with an address that Neutron chooses."""
    public = resolved.choices.public
    assert public is not None  # noqa: S101  # `of` gives a key only where there is one
    attributes = {
        "network": public.id,
        "security_groups": [group(resolved)],
        "tags": project.tags,
    }
    return Wanted(port, attributes, needs=[group(resolved)])


def by_port(
    resolved: ResolvedStack, rules: Mapping[str, Sequence[IngressRule]]
) -> dict[str, Sequence[IngressRule]]:
    """The rules of each role, with those of the public ports apart: whoever comes by their network
    comes to the public port, and machines of the stack come to the private one."""
    if not resolved.choices.public:
        return dict(rules)
    public = public_role(resolved.stack, resolved.roles)
    from_networks = [rule for rule in rules[public] if "/" in rule.remote]
    private = [rule for rule in rules[public] if "/" not in rule.remote]
    return {**rules, public: private, PUBLIC: from_networks}


def refuse_move(resolved: ResolvedStack, known: Known) -> None:
    """Raises SkytierError where machines would get a public port, lose it, or have it on another
    network: a machine has the ports of its first boot, and the address goes with the port."""
    stack, public = resolved.stack, resolved.choices.public
    role = public_role(stack, resolved.roles)
    ports = {key.name: found for key, found in known.items() if key.kind == PublicPort.name}
    if public is None:
        if ports:
            raise SkytierError(
                f"The machine {min(ports)} has a port on a public network, and the stack file asks "
                f'for public = "{stack.public}": machines keep the ports of their first boot.',
                'Set public = "port" and public_network in the stack file back as they were.',
            )
        return
    for name, port in ports.items():
        if not name.startswith(f"{stack.name}-{role}-"):
            raise SkytierError(
                f"The public address is that of the port of {name}, and the entry point would be "
                f"another machine, {stack.name}-{role}-1. On a network of others an address goes "
                "with its port, and the machines have the ports of their first boot, so it cannot "
                "move.",
                _OTHER_COUNT,
            )
        if port.attributes["network"] != public.id:
            raise SkytierError(
                f"The public port of {name} is on another network than {public.name}, and its "
                "address would be lost.",
                "Set public_network in the stack file back as it was, or bring up another stack "
                "beside this one: another `name`.",
            )
    for key, server in known.items():
        is_public = key.kind == "server" and server.facts.get("role") == role
        if is_public and not server.fault and PUBLIC_PORT not in server.facts["metadata"]:
            raise SkytierError(
                f"The server {key.name} was made without a public port, and the stack file asks "
                'for public = "port": machines keep the ports of their first boot.',
                "Set public in the stack file back as it was, or bring up another stack beside "
                "this one: another `name`.",
            )


_OTHER_COUNT = (
    "Set web.count in the stack file back as it was: from 1 to several, and back to 1, the entry "
    'point changes. Or write kind = "none" in [balancer], where each web server shall have a '
    "public address of its own. Or bring up another stack beside this one: another `name`."
)

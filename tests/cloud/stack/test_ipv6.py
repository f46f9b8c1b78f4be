"""A private network with IPv6 beside IPv4, made, changed and taken down.

Servers are those of Nova's fake driver, as in test_resources.py; all else is real, and so are the
routers, which advertise the networks of the stacks on this machine.
"""

import json
from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network

import pytest

from ..conftest import machine
from .account import Account, Operator
from .external import external_network
from .test_resources import STACK, actions, up

PREFIX, OTHER = "fd5b:4:6:1::/64", "fd5b:4:6:2::/64"


@pytest.fixture(scope="module")
def external(account: Account) -> Iterator[str]:
    """The name of an external network with IPv6."""
    with external_network(account) as network:
        yield network.name


def text(stack: str, external: str, ipv6: str) -> str:
    return f'name = "{stack}"\nexternal_network = "{external}"\n{ipv6}{STACK}'


def ports(account: Account, stack: str) -> dict[str, list[str]]:
    """The IPv6 addresses of each machine."""
    found = account.connection.network.ports(description=f"skytier:stack={stack}")
    return {
        port.name: [each["ip_address"] for each in port.fixed_ips if ":" in each["ip_address"]]
        for port in found
    }


def rules(account: Account, stack: str) -> set[tuple[int, str, str]]:
    """Of the web servers' group: port, version and from where."""
    network = account.connection.network
    [group] = network.security_groups(name=f"{stack}-web", project_id=account.project_id)
    return {
        (rule["port_range_min"], rule["ethertype"], rule["remote_ip_prefix"])
        for rule in group.security_group_rules
        if rule["direction"] == "ingress"
    }


def default_devices() -> set[str]:
    """The devices by which this machine reaches everything by IPv6."""
    routes = json.loads(machine("ip", "-json", "-6", "route", "show", "default"))
    return {route["dev"] for route in routes}


def test_it_is_set_for_a_stack_that_is_there_and_taken_out_again(
    account: Account, operator: Operator, stack: str, external: str
) -> None:
    network, before = account.connection.network, default_devices()
    operator.write(text(stack, external, ""))
    up(operator)
    assert set(ports(account, stack)) == {f"{stack}-web-1", f"{stack}-database-1"}

    operator.write(text(stack, external, f'ipv6 = true\nipv6_cidr = "{PREFIX}"\n'))
    planned = operator.json("plan")
    needed = {row["name"]: row["needed"] for row in planned["quota"]}
    assert needed == {"ports": 1, "subnets": 1} | needed
    assert f"an IPv6 address of its own, of {PREFIX}" in operator.run("plan")
    up(operator)
    assert set(actions(operator).values()) == {"keep"}
    addresses = ports(account, stack)
    assert all(IPv6Address(each) in IPv6Network(PREFIX) for [each] in addresses.values())
    [router] = network.routers(project_id=account.project_id)
    gateway = [each["ip_address"] for each in router.external_gateway_info["external_fixed_ips"]]
    assert any(":" in address for address in gateway)
    assert {(80, "IPv4", "0.0.0.0/0"), (80, "IPv6", "::/0"), (443, "IPv6", "::/0")} <= rules(
        account, stack
    )
    # The router advertises itself by now, in a bridge of this machine.
    assert default_devices() == before

    operator.write(
        text(
            stack,
            external,
            f'ssh_from = ["10.0.0.0/8", "{OTHER}"]\nipv6 = true\nipv6_cidr = "{PREFIX}"\n',
        )
    )
    up(operator)
    of_ssh = {rule for rule in rules(account, stack) if rule[0] == 22}
    assert of_ssh == {(22, "IPv4", "10.0.0.0/8"), (22, "IPv6", OTHER)}
    operator.write(text(stack, external, f'ipv6 = true\nipv6_cidr = "{OTHER}"\n'))
    assert "lose the IPv6 addresses of all machines" in operator.ends_with(1, "up", "--yes")
    assert ports(account, stack) == addresses

    operator.write(text(stack, external, ""))
    assert actions(operator)[f"subnet {stack}-subnet-ipv6"] == "delete"
    up(operator)
    assert set(actions(operator).values()) == {"keep"}
    assert set(map(len, ports(account, stack).values())) == {0}
    assert not any(version == "IPv6" for _, version, _ in rules(account, stack))

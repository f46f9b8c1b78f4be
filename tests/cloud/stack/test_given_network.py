"""Machines on a network that is there already, with a floating IP, a fixed address or none.

Servers are those of Nova's fake driver, as in test_resources.py; all else is real.
"""

import secrets
from collections.abc import Iterator
from typing import Any

import openstack
import pytest

from skytier.poll import until

from .account import Account, Operator
from .test_resources import STACK, actions, changes, down, up

ONE_WAY_IN = 'ssh_from = ["198.51.100.0/24"]\n'


@pytest.fixture(scope="module")
def provider(account: Account) -> Iterator[Any]:
    """A network of the administrator's, shared with everybody, without a router."""
    with openstack.connect(cloud="devcloud-admin") as admin:
        name = f"provider-{secrets.token_hex(3)}"
        network = admin.network.create_network(name=name, is_shared=True)
        admin.network.create_subnet(
            name=name, network_id=network.id, ip_version=4, cidr="192.168.130.0/24"
        )
        yield network
        admin.network.delete_network(network)


def changed(operator: Operator, wanted: str) -> set[str]:
    """What an `up` changed that opens SSH to one network alone."""
    operator.write(ONE_WAY_IN + wanted)
    found = set(changes(operator))
    up(operator)
    assert set(actions(operator).values()) == {"keep"}
    return found


def test_all_of_a_stack_is_on_a_shared_network_without_router_or_floating_ip(
    account: Account, operator: Operator, stack: str, provider: Any
) -> None:
    network = account.connection.network
    foreign = network.create_port(network_id=provider.id, name=f"{stack}-web-1")
    try:
        before = account.count()
        said = network.get_port(foreign.id).to_dict()
        shared = f'name = "{stack}"\nnetwork = "{provider.name}"\npublic = "fixed"\n{STACK}'
        operator.write(shared)
        planned = operator.json("plan")
        assert "network" in [each["key"] for each in planned["open"]]
        needed = {row["name"]: row["needed"] for row in planned["quota"]}
        assert needed.keys().isdisjoint({"networks", "subnets", "routers", "floating_ips"})
        assert (needed["ports"], needed["security_groups"]) == (2, 4)
        up(operator)
        made = {kind: count - before[kind] for kind, count in account.count().items()}
        assert {kind: count for kind, count in made.items() if count} == {
            "key pair": 1,
            "port": 2,
            "security group": 4,
            "server": 2,
        }
        ports = {p.name: p for p in network.ports(description=f"skytier:stack={stack}")}
        assert {port.network_id for port in ports.values()} == {provider.id}
        # The database lets in the web servers alone.
        [group] = network.security_groups(name=f"{stack}-database", project_id=account.project_id)
        rules = [r for r in group.security_group_rules if r["direction"] == "ingress"]
        assert all(rule["remote_group_id"] for rule in rules)
        assert set(actions(operator).values()) == {"keep"}
        assert changed(operator, shared) == {f"security group {stack}-web"}
        assert network.get_port(foreign.id).to_dict() == said
        operator.write(f"{shared}[web]\ncount = 2\n")
        assert f"The entry point becomes {stack}-balancer-1" in operator.run("plan")
        operator.write(f'name = "{stack}"\n{STACK}')
        assert "do not move to another network" in operator.ends_with(1, "plan")
        operator.write(ONE_WAY_IN + shared.replace('"fixed"', '"none"'))
        assert set(actions(operator).values()) == {"keep"}
        down(operator)
        assert network.get_port(foreign.id).to_dict() == said
        assert account.count() == before
    finally:
        network.delete_port(foreign)


def test_the_entry_point_alone_has_a_second_port_on_a_public_network(
    account: Account, operator: Operator, stack: str, provider: Any
) -> None:
    network, compute = account.connection.network, account.connection.compute
    foreign = network.create_port(network_id=provider.id, name=f"{stack}-web-1")
    mark, before = f"skytier:stack={stack}", account.count()
    wanted = f'name = "{stack}"\npublic = "port"\npublic_network = "{provider.name}"\n'

    def port() -> Any:
        [found] = network.ports(description=f"{mark} public port")
        return found

    def server() -> Any:
        [found] = compute.servers(name=f"{stack}-web-1")
        return found

    try:
        said = network.get_port(foreign.id).to_dict()
        operator.write(wanted + STACK)
        planned = operator.json("plan")
        assert "network" not in [each["key"] for each in planned["open"]]
        needed = {row["name"]: row["needed"] for row in planned["quota"]}
        assert (needed["ports"], needed["security_groups"], needed["routers"]) == (5, 4, 1)
        assert "floating_ips" not in needed
        up(operator)
        made = {kind: count - before[kind] for kind, count in account.count().items()}
        assert made["port"] <= needed["ports"]
        assert (made["router"], made["floating IP"], made["server"]) == (1, 0, 2)
        private = {each.name: each for each in network.ports(description=mark)}
        assert private.keys() == {f"{stack}-web-1", f"{stack}-database-1"}
        assert provider.id not in {each.network_id for each in private.values()}
        address = port().fixed_ips[0]["ip_address"]
        assert (port().network_id, port().device_id) == (provider.id, server().id)
        # Visitors and operators come by the one, machines of the stack by the other.
        [group] = network.security_groups(name=f"{stack}-public", project_id=account.project_id)
        assert port().security_group_ids == [group.id]
        assert {_incoming(rule) for rule in group.security_group_rules} >= {22, 80}
        [inside] = network.security_groups(name=f"{stack}-web", project_id=account.project_id)
        assert {_incoming(rule) for rule in inside.security_group_rules}.isdisjoint({22, 80})
        assert set(actions(operator).values()) == {"keep"}

        operator.write(ONE_WAY_IN + wanted + STACK)
        assert set(changes(operator)) == {f"security group {stack}-public"}
        compute.delete_server_interface(port().id, server=server())
        until(lambda: not port().device_id, 60, 1)
        assert "its public port was detached" in operator.run("plan")
        up(operator)
        assert port().device_id == server().id
        gone = server()
        compute.delete_server(gone)
        until(lambda: not list(compute.servers(name=f"{stack}-web-1")), 60, 1)
        up(operator)
        assert port().device_id == server().id != gone.id
        assert port().fixed_ips[0]["ip_address"] == address
        assert set(actions(operator).values()) == {"keep"}

        operator.write(f"{wanted}{STACK}[web]\ncount = 2\n")
        assert "an address goes with its port" in operator.ends_with(1, "plan")
        operator.write(f'name = "{stack}"\n{STACK}')
        assert "machines keep the ports of their first boot" in operator.ends_with(1, "plan")
        operator.write(wanted + STACK)
        down(operator)
        assert network.get_port(foreign.id).to_dict() == said
        until(lambda: account.count() == before, 60, 1)
        assert account.count() == before
    finally:
        down(operator)
        network.delete_port(foreign)


def test_a_network_of_the_stacks_own_without_any_public_address(
    account: Account, operator: Operator, stack: str
) -> None:
    network, before = account.connection.network, account.count()
    wanted = f'name = "{stack}"\npublic = "none"\n{STACK}'
    operator.write(wanted)
    needed = {row["name"]: row["needed"] for row in operator.json("plan")["quota"]}
    assert (needed["networks"], needed["routers"]) == (1, 1)
    assert "floating_ips" not in needed
    up(operator)
    made = {kind: count - before[kind] for kind, count in account.count().items()}
    assert (made["network"], made["router"], made["floating IP"], made["server"]) == (1, 1, 0, 2)
    [own] = network.networks(name=f"{stack}-network", project_id=account.project_id)
    ports = list(network.ports(description=f"skytier:stack={stack}"))
    assert [port.network_id for port in ports] == [own.id, own.id]
    # Machines get their packages through it.
    [router] = network.routers(project_id=account.project_id)
    assert router.external_gateway_info
    assert set(actions(operator).values()) == {"keep"}
    assert changed(operator, wanted) == {f"security group {stack}-web"}
    operator.write(f'{ONE_WAY_IN}name = "{stack}"\n{STACK}')
    assert changes(operator) == {f"floating IP {stack}-web-1": "create"}
    operator.write(ONE_WAY_IN + wanted)
    down(operator)
    until(lambda: account.count() == before, 60, 1)
    assert account.count() == before


def _incoming(rule: Any) -> int | None:
    """The port that a rule lets in."""
    port: int | None = rule["port_range_min"] if rule["direction"] == "ingress" else None
    return port


def test_a_network_and_its_router_that_are_there_are_used_and_left_as_they_were(
    account: Account, operator: Operator, stack: str
) -> None:
    network = account.connection.network
    public = network.find_network("public", ignore_missing=False)
    own = network.create_network(name=f"own-{stack}")
    subnet = network.create_subnet(network_id=own.id, ip_version=4, cidr="192.168.131.0/24")
    router = network.create_router(external_gateway_info={"network_id": public.id})
    network.add_interface_to_router(router, subnet=subnet.id)
    try:
        wanted = f'name = "{stack}"\nnetwork = "{own.id}"\n{STACK}'
        operator.write(wanted)
        as_it_was = [network.get_router(router.id).to_dict(), network.get_network(own.id).to_dict()]
        up(operator)
        [ip] = network.ips(project_id=account.project_id)
        assert ip.router_id == router.id
        assert set(actions(operator).values()) == {"keep"}
        assert changed(operator, wanted) == {f"security group {stack}-web"}
        down(operator)
        now = [network.get_router(router.id).to_dict(), network.get_network(own.id).to_dict()]
        assert now == as_it_was
    finally:
        down(operator)
        network.remove_interface_from_router(router, subnet=subnet.id)
        network.delete_router(router)
        network.delete_network(own)


def test_a_network_that_takes_no_port_of_the_project_is_said_before_anything_is_made(
    account: Account, operator: Operator, stack: str
) -> None:
    before = account.holdings()
    operator.write(f'name = "{stack}"\nnetwork = "public"\npublic = "fixed"\n{STACK}')
    assert "is not shared with this project" in operator.ends_with(1, "up", "--yes")
    operator.write(f'name = "{stack}"\nnetwork = "none-of-this-name"\npublic = "fixed"\n{STACK}')
    assert "sees no network 'none-of-this-name'" in operator.ends_with(1, "plan")
    assert account.holdings() == before


@pytest.fixture
def allocating() -> Iterator[None]:
    """A cloud that makes a network for each project by itself."""
    with openstack.connect(cloud="devcloud-admin") as admin:
        public = admin.network.find_network("public", ignore_missing=False)
        was = bool(public.is_default)
        pool = admin.network.create_subnet_pool(
            name=f"pool-{secrets.token_hex(3)}",
            prefixes=["192.168.132.0/22"],
            default_prefix_length=26,
            is_shared=True,
            is_default=True,
        )
        try:
            admin.network.update_network(public, is_default=True)
            yield
        finally:
            admin.network.update_network(public, is_default=was)
            admin.network.delete_subnet_pool(pool)


@pytest.mark.large
def test_the_network_that_neutron_allocates_is_made_by_up_alone_and_stays(
    account: Account, operator: Operator, stack: str, request: pytest.FixtureRequest
) -> None:
    network, before = account.connection.network, account.count()
    wanted = f'name = "{stack}"\nnetwork = "auto"\n{STACK}'
    operator.write(wanted)
    assert "Neutron makes no network for this project" in operator.ends_with(1, "plan")
    request.getfixturevalue("allocating")
    try:
        assert "Neutron makes a network with a router" in operator.run("plan")
        assert account.count() == before
        up(operator)
        [made] = network.networks(name="auto_allocated_network", project_id=account.project_id)
        [ip] = network.ips(project_id=account.project_id)
        assert network.get_port(ip.port_id).network_id == made.id
        assert set(actions(operator).values()) == {"keep"}
        assert changed(operator, wanted) == {f"security group {stack}-web"}
        down(operator)
        assert network.get_network(made.id).to_dict()["subnet_ids"] == made.subnet_ids
    finally:
        down(operator)
        network.delete_auto_allocated_topology(ignore_missing=True)
    assert account.count() == before

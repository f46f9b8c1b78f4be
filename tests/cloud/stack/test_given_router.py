"""A router of the project that is there already: the stack has interfaces on it, and that is all.

Servers are those of Nova's fake driver, as in test_resources.py; all else is real.
"""

from ipaddress import IPv6Network
from typing import Any

from .account import Account, Operator, said_of
from .test_ipv6 import ports
from .test_resources import STACK, actions, down, up

POOLED = "fd5b:4:7::/56"


def test_it_gets_interfaces_also_for_ipv6_out_of_a_pool_and_is_otherwise_as_it_was(
    account: Account, operator: Operator, stack: str
) -> None:
    network, before = account.connection.network, account.count()
    public = network.find_network("public", ignore_missing=False)
    office = network.create_network(name=f"office-{stack}")
    subnet = network.create_subnet(network_id=office.id, ip_version=4, cidr="192.168.128.0/24")
    router = network.create_router(name=f"ours-{stack}")
    network.add_interface_to_router(router, subnet.id)
    pool = network.create_subnet_pool(name=f"pool-{stack}", prefixes=[POOLED])

    def interfaces() -> list[Any]:
        return list(network.ports(description=f"skytier:stack={stack} router interface"))

    wanted = f'name = "{stack}"\nrouter = "{router.name}"\n'
    try:
        operator.write(wanted + STACK)
        assert 'cidr = "192.168.129.0/24"' in operator.ends_with(1, "plan")
        wanted += 'cidr = "192.168.129.0/24"\n'
        operator.write(wanted + STACK)
        assert "has no gateway to an external network" in operator.ends_with(1, "up", "--yes")
        network.update_router(router, external_gateway_info={"network_id": public.id})
        as_it_was = _router_now(network, router)
        assert f"an interface on the router {router.name}; nothing else" in operator.run("plan")
        up(operator)
        [ip] = network.ips(project_id=account.project_id)
        assert ip.router_id == router.id
        [port] = interfaces()
        assert (port.device_id, port.fixed_ips[0]["ip_address"]) == (router.id, "192.168.129.1")
        assert set(actions(operator).values()) == {"keep"}
        operator.write(f'name = "{stack}"\ncidr = "192.168.129.0/24"\n{STACK}')
        assert "does not move to another one" in operator.ends_with(1, "plan")

        operator.write(f"{wanted}ipv6 = true\n{STACK}")
        assert "no default subnet pool" in operator.ends_with(1, "plan")
        operator.write(f'{wanted}ipv6 = true\nipv6_pool = "{pool.name}"\n{STACK}')
        up(operator)
        assert set(actions(operator).values()) == {"keep"}
        [pooled] = network.subnets(ip_version=6, project_id=account.project_id)
        assert IPv6Network(pooled.cidr).subnet_of(IPv6Network(POOLED))
        assert [each.device_id for each in interfaces()] == [router.id] * 2
        assert {len(each) for each in ports(account, stack).values()} == {1}
        down(operator)
        assert _router_now(network, router) == as_it_was
    finally:
        down(operator)
        network.remove_interface_from_router(router, subnet.id)
        network.delete_router(router)
        network.delete_network(office)
        network.delete_subnet_pool(pool)
    assert account.count() == before


def _router_now(network: Any, router: Any) -> tuple[dict[str, Any], set[str]]:
    """All that Neutron says of a router, and what is on it."""
    ports = {port.id for port in network.ports(device_id=router.id)}
    return said_of(network.get_router(router.id)), ports

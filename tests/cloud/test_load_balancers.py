"""The devcloud's load balancers, as a member of a project has them by an application credential.

Octavia's API, its worker, Nova and Neutron are real. Its amphorae are servers of Nova's fake
driver, so nothing is said of packets.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
from openstack.connection import Connection
from openstack.exceptions import ForbiddenException

from .project import SUBNET, poll
from .stack.account import ADMIN, CLOUD, Account, delete_account, make_account

WEB = ("192.168.128.11", "192.168.128.12")
SERVICE_S = 300
"""For one change, on a machine that does much else. Alone it takes a second or a few."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    account = make_account(tmp_path_factory.mktemp("account"))
    yield account
    delete_account(account)


@pytest.fixture(scope="module")
def admin() -> Iterator[Connection]:
    with openstack.connect(cloud=ADMIN) as connection:
        yield connection


@pytest.fixture(scope="module")
def member(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The member of the project, by an application credential."""
    clouds = account.delegated(tmp_path_factory.mktemp("delegated"))
    with by_file(clouds) as connection:
        yield connection


def by_file(clouds: Path) -> Connection:
    config = openstack.config.OpenStackConfig(config_files=[str(clouds)], load_envvars=False)
    return Connection(config=config.get_one(CLOUD))


@pytest.fixture(scope="module")
def subnet(member: Connection) -> Iterator[Any]:
    """A private network with a router."""
    network = member.network
    public = network.find_network("public", ignore_missing=False)
    net = network.create_network(name="shop")
    subnet = network.create_subnet(name="shop", network_id=net.id, ip_version=4, cidr=SUBNET)
    router = network.create_router(name="shop", external_gateway_info={"network_id": public.id})
    network.add_interface_to_router(router, subnet=subnet.id)
    yield subnet
    network.remove_interface_from_router(router, subnet=subnet.id)
    network.delete_router(router)
    # That no port is left on it is a part of the test.
    network.delete_network(net)


def left_of(balancer: Any, server_id: str, network_id: str, admin: Connection) -> set[str]:
    """What there is of a load balancer: in Neutron, in Nova and in Octavia itself."""
    network = admin.network
    groups = network.security_groups(name=f"lb-{balancer.id}")
    ports = [port for port in network.ports(network_id=network_id) if "lb" in port.name]
    balancers = [each for each in admin.load_balancer.load_balancers() if each.id == balancer.id]
    servers = [each for each in admin.compute.servers(all_projects=True) if each.id == server_id]
    return {each.id for each in (*groups, *ports, *balancers, *servers)}


def test_a_member_makes_changes_and_deletes_one_and_nothing_of_it_is_left(
    admin: Connection, member: Connection, subnet: Any
) -> None:
    octavia = member.load_balancer
    balancer = octavia.create_load_balancer(name="shop", vip_subnet_id=subnet.id, tags=["shop"])

    def settled() -> Any:
        found = octavia.get_load_balancer(balancer.id)
        assert found.provisioning_status != "ERROR"
        return found if found.provisioning_status == "ACTIVE" else None

    def done(made: Any) -> Any:
        poll(settled, "the load balancer is ACTIVE", SERVICE_S)
        return made

    done(balancer)
    listener = done(
        octavia.create_listener(
            name="http", load_balancer_id=balancer.id, protocol="TCP", protocol_port=80
        )
    )
    pool = done(
        octavia.create_pool(
            name="web", listener_id=listener.id, protocol="PROXY", lb_algorithm="LEAST_CONNECTIONS"
        )
    )
    members = [
        done(octavia.create_member(pool, address=web, protocol_port=80, subnet_id=subnet.id))
        for web in WEB
    ]
    monitor = done(
        octavia.create_health_monitor(
            pool_id=pool.id, type="HTTP", delay=5, timeout=3, max_retries=2, url_path="/health"
        )
    )
    assert {each.address for each in octavia.members(pool)} == set(WEB)
    assert [each.name for each in octavia.load_balancers(tags=["shop"])] == ["shop"]

    # The virtual address is that of a port in Neutron, which a floating IP leads to, and which an
    # amphora's port may use.
    port = member.network.get_port(balancer.vip_port_id)
    assert port.fixed_ips == [{"subnet_id": subnet.id, "ip_address": balancer.vip_address}]
    assert port.device_owner == "Octavia"
    public = member.network.find_network("public", ignore_missing=False)
    ip = member.network.create_ip(floating_network_id=public.id, port_id=port.id)
    assert ip.fixed_ip_address == balancer.vip_address
    (amphora,) = admin.load_balancer.amphorae(loadbalancer_id=balancer.id)
    used = admin.network.get_port(amphora.vrrp_port_id)
    assert used.device_id == amphora.compute_id
    assert [each["ip_address"] for each in used.allowed_address_pairs] == [balancer.vip_address]
    there = (balancer, amphora.compute_id, subnet.network_id, admin)
    # The load balancer, its group, the server, and two ports.
    assert len(left_of(*there)) == 5

    done(octavia.update_member(members[0], pool, weight=0))
    octavia.delete_member(members[1], pool)
    poll(settled, "the load balancer is ACTIVE", SERVICE_S)
    done(octavia.update_health_monitor(monitor, delay=10))
    assert [(each.address, each.weight) for each in octavia.members(pool)] == [(WEB[0], 0)]
    assert octavia.get_health_monitor(monitor.id).delay == 10

    member.network.delete_ip(ip)
    octavia.delete_load_balancer(balancer, cascade=True)
    poll(lambda: not left_of(*there), "nothing of the load balancer is left", SERVICE_S)


def test_one_who_may_only_read_makes_none(account: Account, tmp_path: Path, subnet: Any) -> None:
    with by_file(account.delegated(tmp_path, "reader")) as connection:
        assert list(connection.load_balancer.load_balancers()) == []
        with pytest.raises(ForbiddenException):
            connection.load_balancer.create_load_balancer(name="no", vip_subnet_id=subnet.id)

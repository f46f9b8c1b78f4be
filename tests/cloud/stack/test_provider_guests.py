"""Two stacks without a floating IP, with guests that a browser opens at an address of their own.

All machines of the first are on a provider network. Of the second only the web server has a port
there, and all machines are on a private network. The provider network is the devcloud's external
one, which is shared with the project of the test meanwhile. Run it alone: other guests may lose
their way out (devcloud/README.md, known problems).
"""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import openstack
import pytest
from playwright.async_api import Browser, expect

from skytier.poll import until

from .account import ADMIN, Account, Operator, said_of

pytestmark = pytest.mark.large
PUBLIC = "public"
SIGNED_IN = {"username": "ada", "password": "a long and private sentence"}
TITLE = "On engines"
FIXED = f'network = "{PUBLIC}"\npublic = "fixed"\n'
PORT = f'public = "port"\npublic_network = "{PUBLIC}"\n'
ROUTERS = {FIXED: 0, PORT: 1}


@dataclass(frozen=True)
class Stack:
    """One that is up. `keys` are those of its network, `file` its whole stack file."""

    name: str
    keys: str
    file: str
    url: str

    @property
    def web(self) -> str:
        return f"{self.name}-web-1"

    @property
    def database(self) -> str:
        return f"{self.name}-database-1"


@pytest.fixture(scope="module")
def provider(account: Account) -> Iterator[Any]:
    """The network, which gives addresses by DHCP and takes machines of the project."""
    with openstack.connect(cloud=ADMIN) as admin:
        network = admin.network.find_network(PUBLIC, ignore_missing=False)
        [subnet] = admin.network.subnets(network_id=network.id, ip_version=4)

        def servers() -> list[str]:
            ports = admin.network.ports(network_id=network.id, device_owner="network:dhcp")
            return [port.status for port in ports]

        share = admin.network.create_rbac_policy(
            object_type="network", object_id=network.id,
            action="access_as_shared", target_project_id=account.project_id,
        )  # fmt: skip
        try:
            admin.network.update_subnet(subnet, is_dhcp_enabled=True)
            assert until(lambda: servers() == ["ACTIVE"], 120, 1)
            was = network_now(admin, network.id)
            yield subnet
            assert network_now(admin, network.id) == was
        finally:
            admin.network.update_subnet(subnet, is_dhcp_enabled=False)
            admin.network.delete_rbac_policy(share)
            assert until(lambda: not servers(), 120, 1)


def network_now(admin: Any, network_id: str) -> list[dict[str, Any]]:
    """All that Neutron says of a network and its subnets."""
    subnets = admin.network.subnets(network_id=network_id)
    return [said_of(each) for each in (admin.network.get_network(network_id), *subnets)]


@pytest.fixture(scope="module", params=[FIXED, PORT], ids=["fixed", "port"])
def stack(
    request: pytest.FixtureRequest, account: Account, operator: Operator, name: str, provider: Any
) -> Iterator[Stack]:
    """A web server and a database. The project is as it was at the end."""
    keys, before = request.param, account.count()
    file = f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n{keys}'
    operator.write(f"{file}[monitor]\nenabled = false\n")
    try:
        operator.run("up", "--yes")
        yield Stack(name, keys, file, str(operator.json("status")["url"]))
    finally:
        operator.run("down", "--delete-data", "--yes")
    # What is deleted is listed a moment longer.
    until(lambda: account.count() == before, 60, 1)
    assert account.count() == before
    assert operator.json("status", code=3)["machines"] == []


def test_no_floating_ip_leads_there_and_a_router_only_to_a_private_network(
    account: Account, stack: Stack, provider: Any
) -> None:
    made = account.count()
    assert (made["floating IP"], made["router"]) == (0, ROUTERS[stack.keys])
    assert made["server"] == 2
    assert ip_address(httpx.URL(stack.url).host) in ip_network(provider.cidr)


async def test_curl_and_chromium_open_it_and_a_visitor_reads_what_the_database_has(
    stack: Stack, browser: Browser
) -> None:
    # Emulated processors take their time for a password.
    with httpx.Client(base_url=stack.url, timeout=60) as visitor:
        user = {**SIGNED_IN, "email": "ada@example.org"}
        assert visitor.post("/api/users", json=user).status_code == 201
        assert visitor.post("/api/sessions", json=SIGNED_IN).status_code == 201
        post = {"title": TITLE, "content": "It weaves."}
        assert visitor.post("/api/posts", json=post).status_code == 201
    words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "60"]
    assert TITLE in subprocess.check_output([*words, f"{stack.url}/"], text=True)
    page = await browser.new_page()
    await page.goto(f"{stack.url}/", timeout=120_000)
    await expect(page.get_by_role("link", name=TITLE)).to_be_visible()


def test_all_is_well_and_there_is_nothing_to_do(operator: Operator, stack: Stack) -> None:
    status = operator.json("status")
    assert status["healthy"] is True
    assert {machine["name"] for machine in status["machines"]} == {stack.web, stack.database}
    assert status["drift"] == []
    operator.ends_with(0, "plan", "--detailed-exitcode")


def test_nothing_but_the_page_and_the_way_in_answers(
    account: Account, stack: Stack, provider: Any
) -> None:
    host = httpx.URL(stack.url).host
    assert {port for port in (22, 80) if answers(host, port)} == {22, 80}
    assert not [port for port in (443, 5432, 8000, 8080, 9100) if answers(host, port)]
    [inner] = account.connection.network.ports(name=stack.database, project_id=account.project_id)
    [address] = [fixed["ip_address"] for fixed in inner.fixed_ips]
    assert (ip_address(address) in ip_network(provider.cidr)) == (stack.keys == FIXED)
    assert not [port for port in (22, 5432, 9100, 9187) if answers(address, port)]


def answers(host: str, port: int) -> bool:
    """Whether a port takes a connection from this machine, a neighbour on the network."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True


def test_each_machine_leaves_by_one_way_and_those_on_the_network_find_packages(
    operator: Operator, stack: Stack, provider: Any
) -> None:
    inside = {FIXED: provider.gateway_ip, PORT: "192.168.128.1"}[stack.keys]
    for machine, gateway in ((stack.web, provider.gateway_ip), (stack.database, inside)):
        routes = operator.run("exec", machine, "ip -4 route show default").splitlines()
        assert len([route for route in routes if f"via {gateway} " in route]) == len(routes) == 1
        # Packets of a router get no answer on the devcloud while a guest is on that network.
        if gateway == provider.gateway_ip:
            operator.run("exec", machine, "apt-get update --error-on=any")


def test_the_page_is_there_again_at_the_same_address_after_a_restart(
    account: Account, operator: Operator, stack: Stack
) -> None:
    if stack.keys == PORT:
        pytest.skip("a restart with two ports is tested in a container: test_two_ports.py")

    def boot() -> str:
        return operator.run("exec", stack.web, "cat /proc/sys/kernel/random/boot_id")

    before, compute = boot(), account.connection.compute
    compute.reboot_server(compute.find_server(stack.web, ignore_missing=False), "SOFT")
    assert until(lambda: not answers(httpx.URL(stack.url).host, 22), 300, 1)
    assert until(lambda: serves(f"{stack.url}/health"), 600, 2)
    assert boot() != before


def serves(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def test_a_change_opens_another_port(operator: Operator, stack: Stack) -> None:
    operator.write(f'{stack.file}tls = "self-signed"\n[monitor]\nenabled = false\n')
    operator.run("up", "--yes")
    assert operator.json("status")["url"] == stack.url.replace("http:", "https:")
    assert serves(f"{operator.json('status')['url']}/health")
    operator.ends_with(0, "plan", "--detailed-exitcode")

"""One stack that is up: its marks, what somebody changes, an error, a resize, a hindered `down`.

Servers are those of Nova's fake driver, as in test_resources.py. Each test leaves all of it there;
only the last one ends it.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
import requests

from skytier import stackfile
from skytier.openstack.catalog import has_load_balancers
from skytier.openstack.login.connection import connect
from skytier.openstack.stack import CloudStack
from skytier.poll import until

from .account import CLOUD, Account, Operator
from .test_resources import MADE, STACK, actions, changes, down, made, script, up, wait_for


@pytest.fixture(scope="module")
def before(account: Account) -> dict[str, int]:
    """How many resources of each kind the project has without the stack."""
    return account.count()


@pytest.fixture(scope="module")
def stack(account: Account, operator: Operator, before: dict[str, int]) -> Iterator[str]:
    """A stack that is up; the project is as it was at the end."""
    had, name = account.holdings(), f"t{secrets.token_hex(3)}"
    operator.write(f'name = "{name}"\n{STACK}')
    try:
        up(operator)
        yield name
    finally:
        down(operator)
    # What is deleted is listed a moment longer.
    until(lambda: account.holdings() == had, 60, 1)
    assert account.holdings() == had


def asked_twice(account: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a plan asks the cloud for, and was answered before."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(account.clouds))
    monkeypatch.setenv("XDG_CONFIG_HOME", operator.environment["XDG_CONFIG_HOME"])
    wanted = stackfile.load(operator.directory / "skytier.toml")
    planned = CloudStack(connect(CLOUD), wanted, CLOUD)
    answered: Counter[str] = Counter()
    send = requests.Session.send

    def noted(self: requests.Session, request: Any, **options: Any) -> requests.Response:
        answer = send(self, request, **options)
        if answer.ok:  # some services tell their versions only to whom they know
            answered[f"{request.method} {request.url}"] += 1
        return answer

    with monkeypatch.context() as while_planning:
        while_planning.setattr(requests.Session, "send", noted)
        planned.plan()
    assert answered
    return [call for call, times in answered.items() if times > 1]


def test_everything_carries_the_mark_and_a_second_plan_is_empty(
    account: Account,
    operator: Operator,
    before: dict[str, int],
    stack: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert made(account, before) == MADE
    mark = f"skytier:stack={stack}"
    compute, network = account.connection.compute, account.connection.network
    for server in compute.servers():
        assert server.metadata["skytier:stack"] == stack
        assert server.name.startswith(f"{stack}-")
    assert [pair.public_key.endswith(f" {mark}") for pair in compute.keypairs()] == [True]
    lists: list[Any] = [
        *network.networks(project_id=account.project_id),
        *network.subnets(project_id=account.project_id),
        *network.routers(project_id=account.project_id),
        *network.ips(project_id=account.project_id),
        *(p for p in network.ports(project_id=account.project_id) if p.name),
    ]
    assert len(lists) == 6
    for resource in lists:
        assert resource.description.startswith(mark)
        assert mark in resource.tags
    assert set(actions(operator).values()) == {"keep"}
    assert asked_twice(account, operator, monkeypatch) == []

    # What a rehearsal leaves that is killed is named, and the next `up` deletes it.
    script(operator, "scratch")
    left = {name for name, action in actions(operator).items() if action == "delete"}
    group = f"security group {stack}-rehearsal"
    assert left == {group, f"port {stack}-rehearsal-1", f"server {stack}-rehearsal-1"}
    up(operator)
    assert made(account, before) == MADE


def test_what_somebody_changed_is_shown_and_mended(
    account: Account, operator: Operator, stack: str
) -> None:
    network = account.connection.network
    [group] = network.security_groups(name=f"{stack}-web", project_id=account.project_id)
    opened = next(r for r in group.security_group_rules if r["port_range_min"] == 80)
    network.delete_security_group_rule(opened["id"])
    [ip] = network.ips(project_id=account.project_id)
    network.update_ip(ip, port_id=None)
    [router] = network.routers(project_id=account.project_id)
    network.set_tags(router, ["somebody-elses"])
    other = network.create_network(name="somebody-elses")
    subnet = network.create_subnet(network_id=other.id, ip_version=4, cidr="10.99.0.0/24")
    network.add_interface_to_router(router, subnet.id)
    compute = account.connection.compute
    web = compute.find_server(f"{stack}-web-1", ignore_missing=False)
    compute.stop_server(web)
    wait_for(lambda: compute.get_server(web.id).status == "SHUTOFF")
    changed = changes(operator)
    assert changed == {
        f"security group {stack}-web": "change",
        f"floating IP {stack}-web-1": "change",
        f"router {stack}-router": "change",
        f"server {stack}-web-1": "change",
    }
    up(operator)
    assert set(actions(operator).values()) == {"keep"}
    assert "somebody-elses" in network.get_router(router.id).tags
    # It can be deleted, so the router stands in it no more.
    network.delete_network(other)


def test_a_database_server_in_error_is_mended_by_a_hard_reboot_and_keeps_its_disk(
    account: Account, operator: Operator, stack: str
) -> None:
    compute = account.connection.compute
    server = compute.find_server(f"{stack}-database-1", ignore_missing=False)
    with openstack.connect(cloud="devcloud-admin") as admin:
        admin.compute.reset_server_state(server.id, "error")
    wait_for(lambda: compute.get_server(server.id).status == "ERROR")
    changed = changes(operator)
    assert changed == {f"server {stack}-database-1": "change"}
    assert "hard reboot" in operator.run("plan")
    up(operator)
    assert compute.get_server(server.id).status == "ACTIVE"
    assert set(actions(operator).values()) == {"keep"}


def test_two_balancers_share_one_address_which_visitors_keep(
    account: Account, operator: Operator, before: dict[str, int], stack: str
) -> None:
    network = account.connection.network
    [(address, led_to)] = addresses(account, stack).values()
    assert led_to == "web-1"
    several = f'name = "{stack}"\n{STACK}balancer.count = %d\n[web]\ncount = 2\n'
    operator.write(several % 2)
    needed = {row["name"]: row["needed"] for row in operator.json("plan")["quota"]}
    assert (needed["floating_ips"], needed["ports"]) == (2, 4)
    assert [
        row["state"] for row in operator.json("doctor")["checks"] if row["name"] == "balancers"
    ] == ["ok"]
    becomes(operator, several % 2)
    [shared] = network.ports(description=f"skytier:stack={stack} virtual address")
    assert addresses(account, stack)["balancer"] == (address, "balancer")
    for number in (1, 2):
        name = f"balancer-{number}"
        assert addresses(account, stack)[f"{name}-ssh"][1] == name
        assert pairs(account, f"{stack}-{name}") == [shared.fixed_ips[0]["ip_address"]]
    [group] = network.security_groups(name=f"{stack}-balancer", project_id=account.project_id)
    of_vrrp = [r for r in group.security_group_rules if r["protocol"] not in (None, "tcp")]
    assert [(r["protocol"], r["remote_group_id"]) for r in of_vrrp] == [("vrrp", group.id)]

    [port] = network.ports(name=f"{stack}-balancer-1", project_id=account.project_id)
    network.update_port(port, allowed_address_pairs=[])
    network.delete_security_group_rule(of_vrrp[0]["id"])
    assert changes(operator) == {
        f"port {stack}-balancer-1": "change",
        f"security group {stack}-balancer": "change",
    }
    up(operator)
    assert set(actions(operator).values()) == {"keep"}
    assert pairs(account, port.name) == [shared.fixed_ips[0]["ip_address"]]

    becomes(operator, several % 1)
    assert addresses(account, stack) == {"balancer-1": (address, "balancer-1")}
    assert pairs(account, port.name) == []
    becomes(operator, several % 2)
    assert addresses(account, stack)["balancer"] == (address, "balancer")
    becomes(operator, f'name = "{stack}"\n{STACK}')
    assert addresses(account, stack) == {"web-1": (address, "web-1")}
    assert made(account, before) == MADE


def test_a_load_balancer_of_the_cloud_takes_the_address_of_visitors_and_gives_it_back(
    account: Account, operator: Operator, before: dict[str, int], stack: str
) -> None:
    octavia, network = octavia_of(account), account.connection.network
    [(address, _)] = addresses(account, stack).values()
    passed = f'name = "{stack}"\n{STACK}balancer.kind = "octavia"\n[web]\ncount = 2\n'
    own = f"load balancer {stack}-load-balancer"

    def balancer() -> Any:
        [found] = octavia.load_balancers(description=f"skytier:stack={stack}")
        return found if found.provisioning_status == "ACTIVE" else None

    operator.write(passed)
    needed = {row["name"]: row["needed"] for row in operator.json("plan")["quota"]}
    assert (needed["load_balancers"], needed["floating_ips"]) == (1, 1)
    checks = {row["name"]: row for row in operator.json("doctor")["checks"]}
    assert "of the provider amphora" in checks["load balancer"]["said"]
    becomes(operator, passed)
    there = addresses(account, stack)
    assert there["load-balancer"] == (address, "load-balancer")
    assert (there["web-1-ssh"][1], len(there)) == ("web-1", 2)
    made_first = balancer()
    [held] = network.ports(description=f"skytier:stack={stack} virtual address")
    assert (made_first.vip_port_id, made_first.tags) == (held.id, [f"skytier:stack={stack}"])
    [pool] = octavia.pools(project_id=account.project_id)
    webs = [network.find_port(f"{stack}-web-{number}") for number in (1, 2)]
    assert {each.address for each in octavia.members(pool)} == {
        port.fixed_ips[0]["ip_address"] for port in webs
    }
    [group] = network.security_groups(name=f"{stack}-web", project_id=account.project_id)
    opened = {r["port_range_min"]: r["remote_ip_prefix"] for r in group.security_group_rules}
    assert (opened.get(80), opened[8082], opened[8083]) == (None, *["192.168.128.0/24"] * 2)

    # What somebody changes of it is mended, and one that is gone comes back at its address.
    octavia.delete_health_monitor(pool.health_monitor_id)
    wait_for(balancer)
    octavia.delete_member(next(octavia.members(pool)), pool)
    wait_for(balancer)
    [listener] = octavia.listeners(project_id=account.project_id)
    octavia.update_listener(listener, timeout_client_data=50_000)
    wait_for(balancer)
    assert changes(operator) == {own: "change"}
    assert "monitors" in operator.run("plan")
    up(operator)
    assert set(actions(operator).values()) == {"keep"}
    assert balancer().id == made_first.id
    octavia.delete_load_balancer(made_first, cascade=True)
    wait_for(lambda: not list(octavia.load_balancers(project_id=account.project_id)))
    assert changes(operator) == {own: "create"}
    up(operator)
    assert balancer().vip_address == made_first.vip_address
    assert set(actions(operator).values()) == {"keep"}

    # By way of HAProxy, which stays where the file leaves the kind open.
    haproxy = passed.replace('"octavia"', '"haproxy"')
    becomes(operator, haproxy)
    assert addresses(account, stack) == {"balancer-1": (address, "balancer-1")}
    assert list(octavia.load_balancers(project_id=account.project_id)) == []
    operator.write(passed.replace('"octavia"', '"auto"'))
    assert changes(operator) == {}
    becomes(operator, f'name = "{stack}"\n{STACK}')
    assert addresses(account, stack) == {"web-1": (address, "web-1")}
    assert made(account, before) == MADE


def test_another_flavor_is_a_resize_of_the_same_servers(
    account: Account, operator: Operator, stack: str
) -> None:
    compute = account.connection.compute
    before = {server.name: server.id for server in compute.servers()}
    operator.write(f'name = "{stack}"\n{STACK.replace("m1.tiny", "m1.small")}')
    changed = changes(operator)
    assert changed == {f"server {stack}-{name}-1": "change" for name in ("web", "database")}
    up(operator)
    assert {server.name: server.id for server in compute.servers()} == before
    assert {server.flavor.original_name for server in compute.servers()} == {"m1.small"}
    assert set(actions(operator).values()) == {"keep"}
    operator.write(f'name = "{stack}"\n{STACK}')
    assert "Nova makes no disk smaller" in operator.ends_with(1, "plan")
    assert "Nova makes no disk smaller" in script(operator, "up", code=1)
    assert {compute.find_server(name).status for name in before} == {"ACTIVE"}


def becomes(operator: Operator, text: str) -> None:
    """The stack of another file: two plans, as `skytier up` carries out where the address moves."""
    operator.write(text)
    up(operator)
    up(operator)
    assert set(actions(operator).values()) == {"keep"}


def octavia_of(account: Account) -> Any:
    """Octavia; the test is skipped where the cloud has none."""
    if not has_load_balancers(account.connection):
        pytest.skip("the cloud has no load balancer service")
    return account.connection.load_balancer


def addresses(account: Account, stack: str) -> dict[str, tuple[str, str]]:
    """The stack's floating IPs: the name of each to its address and the port that it leads to."""
    network = account.connection.network
    ports = {port.id: port.name for port in network.ports(project_id=account.project_id)}
    return {
        ip.description.partition(" ")[2].removeprefix(f"{stack}-"): (
            ip.floating_ip_address,
            ports[ip.port_id].removeprefix(f"{stack}-"),
        )
        for ip in network.ips(project_id=account.project_id)
    }


def pairs(account: Account, name: str) -> list[str]:
    """The addresses that a machine may use besides its own."""
    network = account.connection.network
    [port] = network.ports(name=name, project_id=account.project_id)
    return [pair["ip_address"] for pair in port.allowed_address_pairs]


def test_down_says_who_holds_what_it_cannot_delete(
    account: Account, operator: Operator, stack: str
) -> None:
    network = account.connection.network
    if has_load_balancers(account.connection):  # it goes with the rest
        larger = STACK.replace("m1.tiny", "m1.small")
        operator.write(f'name = "{stack}"\n{larger}balancer.kind = "octavia"\nweb.count = 2\n')
        up(operator)
    [net] = network.networks(name=f"{stack}-network", project_id=account.project_id)
    port = network.create_port(network_id=net.id, name="somebody-elses")
    try:
        said = operator.ends_with(1, "down", "--delete-data", "--yes")
    finally:
        network.delete_port(port)
    assert "these ports hold it" in said
    assert f"{port.id} somebody-elses" in said

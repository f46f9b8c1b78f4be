"""What is made, what is never touched, and what a killed run or a failing API leaves behind.

Servers are those of Nova's fake driver: ACTIVE at once, and nothing boots. All else is real.
"""

import os
import random
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openstack
import pytest

from skytier.deploy.update import IN_SERVERS
from skytier.poll import until

from .account import CLOUD, RESOURCES, Account, Operator, write_clouds
from .faulty_proxy import running, through, upstreams

STACK = 'image = "debian-12"\nflavor = "m1.tiny"\navailability_zone = "fake"\n'
WITH_VOLUME = f"{STACK}[database]\nvolume_gib = 1\n"
KILLS = 10
# The same in each process that runs tests: the names of tests have it.
SEED = int(os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(4))[:5], 16)


@pytest.fixture
def stack(account: Account, operator: Operator) -> Iterator[str]:
    """A name for a stack; the project is as it was when the test ends."""
    with taken_down(account, operator) as name:
        operator.write(f'name = "{name}"\n{STACK}')
        yield name


@contextmanager
def taken_down(account: Account, operator: Operator) -> Iterator[str]:
    """A name for a stack, which is taken down; the project is as it was then."""
    before = account.holdings()
    yield f"t{secrets.token_hex(3)}"
    down(operator)
    # What is deleted is listed a moment longer.
    until(lambda: account.holdings() == before, 60, 1)
    assert account.holdings() == before


def script(operator: Operator, what: str, code: int = 0) -> str:
    with operator.start(what, program=RESOURCES) as popen:
        said, _ = popen.communicate(timeout=900)
    assert popen.returncode == code, said
    return said


def up(operator: Operator) -> str:
    return script(operator, "up")


def down(operator: Operator) -> str:
    return operator.run("down", "--delete-data", "--yes")


def actions(operator: Operator) -> dict[str, str]:
    """What a plan would do to what OpenStack makes: `kind name` to the action."""
    steps = operator.json("plan")["steps"]
    return {
        f"{step['kind']} {step['resource']}": step["action"]
        for step in steps
        if step["kind"] not in IN_SERVERS
    }


def changes(operator: Operator) -> dict[str, str]:
    """The same of all that does not stay as it is."""
    return {name: action for name, action in actions(operator).items() if action != "keep"}


MADE = {
    "server": 2,
    "key pair": 1,
    "network": 1,
    "subnet": 1,
    "router": 1,
    "floating IP": 1,
    "security group": 3,  # web, database and the lock
    "volume": 0,
}
MADE_WITH_VOLUME = {**MADE, "volume": 1}


def made(account: Account, before: dict[str, int]) -> dict[str, int]:
    now = account.count()
    return {kind: now[kind] - before[kind] for kind in MADE}


def wait_for(ask: Callable[[], object], timeout_s: float = 600) -> None:
    end = time.monotonic() + timeout_s
    while not ask():
        assert time.monotonic() < end
        time.sleep(1)


def test_a_foreign_resource_is_byte_for_byte_the_same_after_up_a_killed_up_and_down(
    account: Account, operator: Operator, stack: str
) -> None:
    network, compute = account.connection.network, account.connection.compute
    public = network.find_network("public", ignore_missing=False)
    foreign: list[Callable[[], object]] = []
    # Names that begin as the stack's do, and a floating IP that lies free.
    group = network.create_security_group(name=f"{stack}-web")
    foreign.append(lambda: network.delete_security_group(group))
    ip = network.create_ip(floating_network_id=public.id)
    foreign.append(lambda: network.delete_ip(ip))
    net = network.create_network(name=f"{stack}-network", description=f"skytier:stack={stack}2")
    foreign.append(lambda: network.delete_network(net))
    network.create_subnet(network_id=net.id, ip_version=4, cidr="192.168.128.0/24")
    # An agent of DHCP has a port there, too, and that one changes until it serves.
    with openstack.connect(cloud="devcloud-admin") as admin:
        serves = list(admin.network.agents(agent_type="DHCP agent"))
    if serves:
        until(lambda: list(network.ports(network_id=net.id, status="ACTIVE")), 120, 1)
    port = network.create_port(network_id=net.id, name=f"{stack}-web-1")
    foreign.append(lambda: network.delete_port(port))
    pair = compute.create_keypair(name=f"{stack}-key")
    foreign.append(lambda: compute.delete_keypair(pair))
    cinder = account.connection.block_storage
    volume = cinder.create_volume(
        name=f"{stack}-database-1", size=1, metadata={"skytier:stack": f"{stack}x"}
    )
    gone = lambda: volume.id not in {each.id for each in cinder.volumes()}  # noqa: E731
    foreign.append(lambda: wait_for(gone))
    foreign.append(lambda: cinder.delete_volume(volume))
    wait_for(lambda: cinder.get_volume(volume).status == "available")
    server = compute.create_server(
        name=f"{stack}-web-9",
        image_id=account.connection.image.find_image("debian-12", ignore_missing=False).id,
        flavor_id=compute.find_flavor("m1.tiny", ignore_missing=False).id,
        networks="none",
        availability_zone="fake",
        metadata={"skytier:stack": f"{stack}x"},
    )
    try:
        server = compute.wait_for_server(server)
        operator.write(f'name = "{stack}"\n{WITH_VOLUME}')
        before = account.holdings()

        def untouched() -> None:
            now = account.holdings()
            for kind, ids in before.items():
                assert ids.items() <= now[kind].items()

        up(operator)
        untouched()
        down(operator)
        untouched()
        kill_after(operator, "up", seconds=8)
        untouched()
        down(operator)
        assert account.holdings() == before
    finally:
        compute.delete_server(server)
        wait_for(lambda: compute.find_server(server.id) is None)
        for take_away in reversed(foreign):
            take_away()


def kill_after(operator: Operator, what: str, seconds: float) -> None:
    with operator.start(what, program=RESOURCES) as popen:
        try:
            popen.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.communicate()


def kill_at_line(operator: Operator, line: int) -> bool:
    """Kill a run when it has said that many lines. Returns whether it was still running."""
    with operator.start("up", program=RESOURCES) as popen:
        assert popen.stdout is not None
        for _ in range(line):
            if not popen.stdout.readline():
                break
        alive = popen.poll() is None
        popen.kill()
    return alive


@pytest.mark.parametrize("seed", [SEED])
def test_a_run_that_is_killed_anywhere_is_gone_on_with_and_nothing_is_doubled(
    account: Account, operator: Operator, stack: str, seed: int
) -> None:
    operator.write(f'name = "{stack}"\n{WITH_VOLUME}')
    rng = random.Random(seed)
    before = account.count()
    killed = 0
    for _ in range(KILLS):
        killed += kill_at_line(operator, rng.randint(1, 30))
        for kind, count in made(account, before).items():
            assert count <= MADE_WITH_VOLUME[kind], kind
        if set(actions(operator).values()) == {"keep"}:
            down(operator)
            assert account.count() == before
    assert killed >= KILLS // 2
    up(operator)
    assert made(account, before) == MADE_WITH_VOLUME
    [volume] = account.connection.block_storage.volumes(details=True)
    assert (volume.name, volume.status) == (f"{stack}-database-1", "in-use")
    assert volume.metadata["skytier:stack"] == stack
    assert set(actions(operator).values()) == {"keep"}


def test_a_killed_bake_is_gone_on_with_and_one_that_was_stopped_leaves_nothing(
    account: Account, operator: Operator, stack: str
) -> None:
    compute = account.connection.compute
    operator.write(f'name = "{stack}"\n{STACK}[web]\nimage_baked = true\n')
    with operator.start("image", "bake", "--yes") as popen:
        wait_for(lambda: [server.status for server in compute.servers()] == ["ACTIVE"])
        popen.kill()
    [builder] = compute.servers()
    assert actions(operator)[f"image {builder.name}"] == "change"
    # Nova's fake driver boots nothing, so it is never done.
    compute.stop_server(builder)
    wait_for(lambda: compute.get_server(builder.id).status == "SHUTOFF")
    said = operator.ends_with(1, "image", "bake", "--yes")
    assert f"Somebody stopped the server that bakes {builder.name} before it was done." in said
    assert list(compute.servers()) == []
    assert actions(operator)[f"image {builder.name}"] == "create"


def test_a_half_finished_up_is_taken_down_whole(
    account: Account, operator: Operator, stack: str
) -> None:
    before = account.holdings()
    kill_at_line(operator, 12)
    down(operator)
    assert account.holdings() == before


def test_of_two_at_the_same_time_one_works_and_the_other_says_who_has_the_stack(
    account: Account, operator: Operator, make_operator: Callable[[], Operator], stack: str
) -> None:
    other = make_operator()
    other.write(f'name = "{stack}"\n{STACK}')
    with (
        operator.start("up", program=RESOURCES) as first,
        other.start("up", program=RESOURCES) as second,
    ):
        said = [popen.communicate(timeout=600)[0] for popen in (first, second)]
    codes = sorted([first.returncode, second.returncode])
    assert codes == [0, 1], said
    loser = said[0] if first.returncode else said[1]
    assert "has been changing this stack since" in loser
    assert set(actions(operator).values()) == {"keep"}
    audit = operator.run("audit")
    assert " up ok " in audit
    assert "Nobody is working on it now" in audit


@pytest.mark.parametrize("seed", [SEED])
def test_an_api_that_fails_now_and_then_makes_nothing_twice(
    account: Account,
    make_operator: Callable[[], Operator],
    stack: str,
    tmp_path: Path,
    seed: int,
) -> None:
    before = account.count()
    with running(upstreams(account), seed, rate=0.15) as proxy:
        entry = through(proxy, account)
        operator = Operator(make_operator().directory, write_clouds(tmp_path / "faulty", entry))
        operator.write(f'name = "{stack}"\n{WITH_VOLUME}')
        up(operator)
        assert made(account, before) == MADE_WITH_VOLUME
        assert sum(proxy.faults.values()) >= 5
        assert any(fault.startswith("POST") for fault in proxy.faults)
        down(operator)
    assert account.count() == before


def test_a_quota_that_runs_out_midway_is_said_and_down_cleans_up(
    account: Account, operator: Operator, stack: str
) -> None:
    before = account.holdings()
    ports = account.count()["port"]
    with openstack.connect(cloud="devcloud-admin") as admin:
        old = admin.network.get_quota(account.project_id).ports
        admin.network.update_quota(account.project_id, ports=ports + 1)
        try:
            said = script(operator, "up", code=1)
        finally:
            admin.network.update_quota(account.project_id, ports=old)
    assert "quota is used up" in said
    down(operator)
    assert account.holdings() == before


def test_a_plan_that_exceeds_a_quota_is_refused_before_anything_is_made(
    account: Account, operator: Operator, stack: str
) -> None:
    before = account.holdings()
    with openstack.connect(cloud="devcloud-admin") as admin:
        old = admin.network.get_quota(account.project_id).ports
        admin.network.update_quota(account.project_id, ports=3)
        try:
            planned = operator.json("plan")
            said = operator.ends_with(1, "up", "--yes")
        finally:
            admin.network.update_quota(account.project_id, ports=old)
    assert [row["name"] for row in planned["quota"] if row["short_by"]] == ["ports"]
    assert "ports: limit 3, used 0, remaining 3, needed 4, short by 1" in said
    assert account.holdings() == before


def test_an_address_of_the_operators_own_is_used_and_given_back(
    account: Account, operator: Operator, stack: str
) -> None:
    network = account.connection.network
    public = network.find_network("public", ignore_missing=False)
    own = network.create_ip(floating_network_id=public.id, description="mine")
    try:
        address = own.floating_ip_address
        operator.write(f'name = "{stack}"\nfloating_ip = "{address}"\n{STACK}')
        up(operator)
        [ip] = network.ips(project_id=account.project_id)
        assert (ip.id, ip.description) == (own.id, "mine")
        assert ip.port_id
        assert set(actions(operator).values()) == {"keep"}
        down(operator)
        assert network.get_ip(own.id).port_id is None
    finally:
        network.delete_ip(own)


def test_an_image_that_there_is_not_is_an_error_that_lists_those_there_are(
    operator: Operator,
) -> None:
    operator.write('name = "none"\nimage = "debian-12-skytie"\n')
    said = operator.ends_with(1, "plan")
    assert "debian-12-skytier" in said
    assert CLOUD not in said or "image" in said

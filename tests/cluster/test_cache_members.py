"""Three members of Redis beside web servers: one is lost after the other, while visitors come."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from skytier.poll import until
from skytier.services.sentinel.service import HAND_OVER
from tests.cluster.cluster import Cluster, changed
from tests.cluster.conftest import COLOCATED_CACHE, STACK
from tests.cluster.container import Container
from tests.cluster.signing_in import VISITORS, asked

MEMBERS = STACK.replace(COLOCATED_CACHE, 'cache = {kind = "redis", members = 3}\n')
# Writes a number every hundredth of a second, by the address alone, and says which were taken.
WRITER = """
import os, redis, time
from pathlib import Path
from redis.backoff import NoBackoff
from redis.retry import Retry
read = lambda name: Path(os.environ["CREDENTIALS_DIRECTORY"], name).read_text().strip()
client = redis.Redis.from_url(
    read("skytier_redis_url"), socket_timeout=0.5, socket_connect_timeout=0.5,
    retry=Retry(NoBackoff(), 0),
)
number = 0
while True:
    number += 1
    try:
        client.set(f"number:{number}", number)
        print("taken", number, flush=True)
    except (OSError, redis.RedisError) as error:
        print("not taken", number, repr(error), flush=True)
    time.sleep(0.01)
"""
# As a client that knows Sentinel.
AWARE = """
import os, redis, sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
read = lambda name: Path(os.environ["CREDENTIALS_DIRECTORY"], name).read_text().strip()
url = urlsplit(read("skytier_redis_url"))
secure = {
    "password": unquote(url.password),
    "ssl": True,
    "ssl_ca_certs": parse_qs(url.query)["ssl_ca_certs"][0],
}
places = [each.split(":") for each in read("skytier_redis_sentinels").split(",")]
sentinel = redis.Sentinel(places, sentinel_kwargs=secure, **secure)
sentinel.master_for("redis").set("greeting", "hello")
print(sentinel.discover_master("redis")[0], sentinel.master_for("redis").get("greeting").decode())
asked = redis.Redis(*places[0], **secure)
try:
    asked.execute_command("SENTINEL", "FAILOVER", "redis")
except redis.exceptions.NoPermissionError:
    print("refused")
"""


@pytest.fixture(scope="module")
def made(three: Cluster) -> Cluster:
    """The members, with what the only Redis had before; at the end there is one again."""
    tell(three.containers["shop-web-1"], "set before 1")
    three.write(MEMBERS)
    three.up()
    return three


def tell(machine: Container, command: str, server: str = "redis") -> str:
    """Redis of a machine itself, as the application."""
    return machine.run(
        "REDISCLI_AUTH=$(</etc/skytier/secrets/redis_password) timeout 5 redis-cli "
        f"--no-auth-warning -s /run/{server}/redis.sock {command}"
    ).strip()


def of_cluster(made: Cluster) -> list[Container]:
    return [each for name, each in made.containers.items() if "web" in name and each.process]


def primaries(made: Cluster, server: str = "redis") -> list[str]:
    """The members that take themselves for the primary. One may be stopped."""
    ask = "info replication || true"
    return [each.name for each in of_cluster(made) if "role:master" in tell(each, ask, server)]


def primary(made: Cluster) -> Container:
    assert until(lambda: len(primaries(made)) == 1, 60), primaries(made)
    return made.containers[primaries(made)[0]]


def well(made: Cluster) -> None:
    assert until(lambda: made.wrong() == {}, 120, every_s=1), made.wrong()


@contextmanager
def writer(machine: Container) -> Iterator[None]:
    """A client on a web server, whose answers are in a file."""
    machine.put("/run/writer.py", WRITER, 0o644)
    machine.run(
        "systemctl reset-failed writer 2>/dev/null || true; rm -f /run/writer.log; "
        "systemd-run --quiet --unit=writer --property=StandardOutput=file:/run/writer.log "
        "/usr/local/sbin/skytier-app run python /run/writer.py"
    )
    goes_on(machine)
    yield
    machine.run("systemctl stop writer")


def taken(machine: Container) -> int:
    """How many numbers Redis acknowledged."""
    return int(machine.run("grep -c ^taken /run/writer.log || true"))


def goes_on(machine: Container) -> None:
    """Wait until writes are acknowledged again."""
    before = taken(machine)
    assert until(lambda: taken(machine) > before + 50, 120), machine.run(
        "tail -n 20 /run/writer.log; journalctl --unit=writer -n 20"
    )


@contextmanager
def visitors(made: Cluster, *without: str) -> Iterator["subprocess.Popen[str]"]:
    """Who sign in at the web servers, but at some; no request of theirs fails."""
    addresses = [each.address for each in of_cluster(made) if each.name not in without]
    program = (sys.executable, "-c", VISITORS, *addresses)
    with made.network.start(*program, stdin=subprocess.PIPE) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        yield started
        said = json.loads(started.communicate(timeout=300)[0])
    assert said["failed"] == [], said


def test_from_one_to_three_keeps_the_keys(made: Cluster) -> None:
    well(made)
    assert changed(made.plan()) == []
    assert primary(made).name == "shop-web-1"
    for server in ("redis", "redis-cache"):
        assert primaries(made, server) == ["shop-web-1"]
    assert {tell(each, "get before") for each in of_cluster(made)} == {"1"}


def test_clients_come_by_the_address_or_by_the_sentinels(made: Cluster) -> None:
    said = made.containers["shop-web-2"].run(
        '/usr/local/sbin/skytier-app run python -c "$(cat)"', AWARE.encode()
    )
    assert said.split() == [primary(made).address, "hello", "refused"]


def test_another_one_takes_over_when_the_primary_is_killed(made: Cluster) -> None:
    before, client = primary(made), made.containers["shop-web-3"]
    with visitors(made) as started, writer(client):
        before.run(
            "systemctl kill --signal=KILL redis-server redis-server@cache; "
            "systemctl stop redis-server redis-server@cache"
        )
        asked(started, 30)
        goes_on(client)
        assert primary(made).name != before.name
        before.run("systemctl start redis-server redis-server@cache")
        well(made)
        goes_on(client)
    assert primary(made).name != before.name
    assert changed(made.plan()) == []


def test_a_planned_failover_and_a_change_of_all_fail_no_request(made: Cluster) -> None:
    before, client = primary(made), made.containers["shop-web-3"]
    with visitors(made) as started, writer(client):
        before.run(f"{HAND_OVER} redis")
        goes_on(client)
        assert primary(made).name != before.name
        well(made)
        with patch("skytier.services.redis.service.LAG_S", 6):
            # As after a change of their configuration: the primary hands over before it restarts.
            made.up()
            assert changed(made.plan()) == []
        asked(started, 30)
        goes_on(client)
    well(made)


def test_a_lost_machine_is_outlived_and_made_again(made: Cluster) -> None:
    client = made.containers["shop-web-1"]
    while (lost := primary(made)).name == client.name:
        lost.run(f"{HAND_OVER} redis")
        well(made)
    tell(lost, "set after 2")
    with visitors(made, lost.name) as started, writer(client):
        lost.kill()
        asked(started, 30)
        goes_on(client)
        assert primary(made).name != lost.name
        made.servers.lose(lost.name)
        made.up()
        goes_on(client)
    well(made)
    assert changed(made.plan()) == []
    assert {tell(each, "get after") for each in of_cluster(made)} == {"2"}
    # The others know it again, and nobody else.
    said = made.containers["shop-web-1"].run("cat /var/lib/redis/sentinel.conf")
    assert said.count("sentinel known-sentinel redis ") == 2
    assert said.count("sentinel known-replica redis ") == 2


def test_from_three_to_one_keeps_the_keys(made: Cluster) -> None:
    with visitors(made) as started:
        made.write(STACK)
        made.up()
        asked(started, 30)
    first, second = (made.containers[f"shop-web-{number}"] for number in (1, 2))
    assert tell(first, "mget before after").split() == ["1", "2"]
    assert first.run("systemctl is-active skytier-sentinel || true").strip() == "inactive"
    assert second.run("systemctl is-active redis-server || true").strip() == "inactive"
    assert made.wrong() == {}
    assert changed(made.plan()) == []

"""Redis beside a web server: it is reached by its address alone, and goes away and comes back."""

import json
import subprocess
import sys

import pytest

from skytier.errors import SkytierError
from tests.cluster.cluster import Cluster
from tests.cluster.container import Container
from tests.cluster.signing_in import VISITORS, asked

# As the application does, from the address alone. What may do harm is refused.
CLIENT = """
import os, redis, sys
from pathlib import Path
for name in ("skytier_redis_url", "skytier_redis_cache_url"):
    url = Path(os.environ["CREDENTIALS_DIRECTORY"], name).read_text().strip()
    client = redis.Redis.from_url(url)
    client.set("greeting", "hello", ex=60)
    refused = []
    for command in ("FLUSHALL", "FLUSHDB", "CONFIG GET maxmemory", "KEYS *", "SHUTDOWN"):
        try:
            client.execute_command(*command.split())
        except redis.exceptions.NoPermissionError:
            refused.append(command.split()[0])
    print(client.info("memory")["maxmemory_policy"], *refused)
"""
BOTH = "redis-server redis-server@cache"


def counted(machine: Container) -> int:
    """How many keys count what visitors do."""
    said = machine.run(
        "REDISCLI_AUTH=$(</etc/skytier/secrets/redis_monitor_password) "
        "redis-cli --no-auth-warning --user monitor -s /run/redis/redis.sock info keyspace"
    )
    return int(said.partition("keys=")[2].partition(",")[0] or 0)


def test_an_application_needs_its_address_alone_and_may_do_no_harm(three: Cluster) -> None:
    other = three.containers["shop-web-2"]
    said = other.run(
        '/usr/local/sbin/skytier-app run python -c "$(cat)"', CLIENT.encode()
    ).splitlines()
    assert said == [
        "noeviction FLUSHALL FLUSHDB CONFIG KEYS SHUTDOWN",
        "allkeys-lru FLUSHALL CONFIG KEYS SHUTDOWN",
    ]
    password = three.secrets["redis_password"]
    plain = f"timeout 5 redis-cli -h {three.containers['shop-web-1'].address} ping"
    first = three.containers["shop-web-1"]
    assert "PONG" not in first.run(f"REDISCLI_AUTH={password} {plain} 2>&1 || true")
    with pytest.raises(SkytierError):
        first.run("timeout 5 redis-cli -h 127.0.0.1 ping")


def test_no_request_fails_while_redis_is_gone_and_comes_back(three: Cluster) -> None:
    first = three.containers["shop-web-1"]
    addresses = [each.address for each in three.containers.values() if "web" in each.name]
    program = (sys.executable, "-c", VISITORS, *addresses)
    with three.network.start(*program, stdin=subprocess.PIPE) as visitors:
        assert visitors.stdout
        assert visitors.stdout.readline() == "ready\n"
        assert counted(first) > 0
        first.run(f"systemctl stop {BOTH}")
        asked(visitors, 30)
        first.run(f"systemctl start {BOTH}")
        asked(visitors, 30)
        # It is there, and says nothing.
        first.run(f"systemctl kill --kill-who=main --signal=STOP {BOTH}")
        asked(visitors, 30)
        first.run(f"systemctl kill --kill-who=main --signal=CONT {BOTH}")
        asked(visitors, 30)
        told = json.loads(visitors.communicate(timeout=300)[0])
    assert told["failed"] == [], told
    assert counted(first) > 0
    assert "Redis does not answer" in first.run("journalctl --unit=skytier-app --no-pager")
    assert three.wrong() == {}

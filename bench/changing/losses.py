"""What is lost of a stack that has two balancers and three members of Redis, and comes back."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.cluster.balanced import stack
from tests.cluster.cluster import Cluster
from tests.cluster.container import Container

from skytier.poll import until
from skytier.services.keepalived.service import has_address

BACK_S = 120
"""Within this the stack is to be well again."""
GONE_S = 10
"""For how long something is away."""
AGAIN_S = 45
"""Sentinel begins no failover for twice its time-out of 20 s after one that it gave up."""
SERVERS = "redis-server redis-server@cache"
# Systemd itself tries again where a start fails.
START = f"systemctl start --no-block {SERVERS}"
COUNTING = {
    "requirements.txt": "redis==8.1.0\n",
    # It counts its visitors in Redis, and does without for a while when that does not answer.
    "shop.py": """\
        import json, os, redis, socket, time
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client = redis.Redis.from_url(
            os.environ["REDIS_URL"], socket_timeout=0.25, socket_connect_timeout=0.25,
            retry=Retry(NoBackoff(), 0),
        )
        asked_again_at = 0

        def count():
            global asked_again_at
            if time.monotonic() < asked_again_at:
                return None
            try:
                return client.incr("visitors")
            except (OSError, redis.RedisError):
                asked_again_at = time.monotonic() + 5

        def application(environ, start_response):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"host": socket.gethostname(), "visitors": count()}).encode()]
        """,
}


def redundant(project: Path) -> str:
    """The stack file, with an application that uses Redis."""
    more = 'balancer.count = 2\ncache = {kind = "redis", members = 3}'
    return stack(project, 2, more)


class Losses:
    """What is done to the stack, in its order."""

    def __init__(self, made: Cluster) -> None:
        self.made = made

    def all(self) -> Mapping[str, Callable[[], None]]:
        """By their names."""
        return {
            "the primary of Redis is killed": self._primary,
            "all of Redis is gone and back": self._redis,
            "one of two balancers is lost and made again": self._balancer,
        }

    def _primary(self) -> None:
        killed = next(each for each in self._members() if "role:master" in _replication(each))
        killed.run(f"systemctl kill --signal=KILL {SERVERS}; systemctl stop {SERVERS}")
        time.sleep(GONE_S)
        killed.run(START)
        self._back()

    def _redis(self) -> None:
        for each in self._members():
            each.run(f"systemctl stop {SERVERS}")
        time.sleep(GONE_S)
        for each in self._members():
            each.run(START)
        self._back()
        # The next loss may be that of the primary.
        time.sleep(AGAIN_S)

    def _balancer(self) -> None:
        asks = has_address(self.made.public_address)
        balancers = [each for name, each in self.made.containers.items() if "balancer" in name]
        lost = next(each for each in balancers if each.run(asks).strip())
        lost.kill()
        time.sleep(GONE_S)
        self.made.servers.lose(lost.name)
        self.made.up()
        self._back()

    def _members(self) -> list[Container]:
        members = self.made.topology().running("redis")
        return [self.made.containers[each.name] for each in members]

    def _back(self) -> None:
        if not until(lambda: not self.made.wrong(), BACK_S, every_s=1):
            raise RuntimeError(f"it is not well again: {self.made.wrong()}")


def _replication(machine: Container) -> str:
    return machine.run(
        "REDISCLI_AUTH=$(</etc/skytier/secrets/redis_monitor_password) redis-cli "
        "--no-auth-warning --user monitor -s /run/redis/redis.sock info replication"
    )

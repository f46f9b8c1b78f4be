"""What is scraped, and how its text is got."""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from skytier.charts.scrape import Sample, Scrape, parse
from skytier.errors import SkytierError

TIMEOUT_S = 5.0
THIS_MACHINE = "psutil:"
"""The address of the machine's own figures, where it has no node exporter."""
SOCKET = "unix:"
"""Begins the address of a unix socket."""
# Trusts nobody. For plain HTTP: to read the system's certificates takes longer than the answer.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
JOB, STACK, MACHINE, ROLE = "job", "stack", "machine", "role"


@dataclass(frozen=True)
class Target:
    """Something that tells its metrics in Prometheus' format."""

    labels: Mapping[str, str]
    """`job`, `stack`, `machine` and `role`: all its samples get them."""
    read: Callable[[], str]
    """Gets its text, or raises SkytierError or httpx.HTTPError."""


def at(address: str, labels: Mapping[str, str]) -> Target:
    """The target at `http://HOST:PORT`, at `unix:PATH`, or `THIS_MACHINE` itself."""
    return Target(labels, lambda: _own() if address == THIS_MACHINE else _get(address))


def scrape(targets: Sequence[Target]) -> list[Scrape]:
    """Read all at once. As with Prometheus, `up` is 0 for one that does not answer, and 1 else."""
    if not targets:
        return []
    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(_scrape, targets))


def _scrape(target: Target) -> Scrape:
    try:
        text, now = target.read(), time.time()
        found = parse(text, target.labels, now)
        metrics, up = found.metrics, 1.0
    except (SkytierError, httpx.HTTPError):
        now, metrics, up = time.time(), {}, 0.0
    return Scrape(target.labels, now, {**metrics, "up": [Sample(target.labels, up)]})


def _own() -> str:
    from skytier.metrics import machine

    return machine.text()


def _get(address: str) -> str:
    # What is on this machine is not to be sought through a proxy.
    if address.startswith(SOCKET):
        transport = httpx.HTTPTransport(uds=address.removeprefix(SOCKET), verify=_NO_TLS)
        client = httpx.Client(base_url="http://localhost", transport=transport, trust_env=False)
    else:
        client = httpx.Client(base_url=address, verify=_NO_TLS, trust_env=False)
    with client:
        answer = client.get("/metrics", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.text

"""Clusters for tests: what they need of this machine, and how long they may take."""

from collections.abc import Iterator

import pytest

from tests.cluster import container
from tests.cluster.cluster import Cluster, cluster

COLOCATED_CACHE = 'cache.kind = "redis"\ncache.colocated = true\n'
BACKUPS = "/srv/backups"
STACK = f"""\
web.count = 3
monitor.enabled = false
balancer.kind = "none"
backup = {{kind = "path", path = "{BACKUPS}"}}
{COLOCATED_CACHE}"""

TIMEOUT_S = 900
"""The first one makes the image that the machines boot."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longer bounds than elsewhere, for what boots machines."""
    for item in items:
        if "tests/cluster" in item.nodeid:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    if reason := container.missing():
        pytest.skip(reason)


@pytest.fixture(scope="package")
def three() -> Iterator[Cluster]:
    """Three web servers and a database, as STACK describes them at the beginning of each file."""
    with cluster(STACK) as made:
        yield made

"""Clusters for tests: what they need of this machine, and how long they may take."""

from collections.abc import Iterator

import pytest

from tests.cluster import container
from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import Base

COLOCATED_CACHE = 'cache.kind = "redis"\ncache.colocated = true\n'
BACKUPS = "/srv/backups"
STACK = f"""\
web.count = 3
monitor.enabled = false
balancer.kind = "none"
backup = {{kind = "path", path = "{BACKUPS}"}}
{COLOCATED_CACHE}"""

TIMEOUT_S = 1800
"""The first one makes the image that the machines boot."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longer bounds than elsewhere, for what boots machines."""
    for item in items:
        if "tests/cluster" in item.nodeid:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
    # Files with the sample are next to each other, so that it need not come back.
    here = [place for place, item in enumerate(items) if "tests/cluster" in item.nodeid]
    of_cluster = sorted((items[place] for place in here), key=_place)
    for place, item in zip(here, of_cluster, strict=True):
        items[place] = item


def _place(item: pytest.Item) -> tuple[str, bool]:
    """The system, and whether the application is the test's own."""
    fixtures = getattr(item, "fixturenames", ())
    system = item.callspec.params.get("base", "") if hasattr(item, "callspec") else ""
    return system, "machines" in fixtures and "own" in fixtures


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    if reason := container.missing():
        pytest.skip(reason)


@pytest.fixture(scope="package")
def machines(base: Base) -> Iterator[Cluster]:
    """Three web servers and a database, with whatever application the file before gave them."""
    with cluster(STACK, base=base) as made:
        yield made


@pytest.fixture(scope="module")
def three(machines: Cluster) -> Cluster:
    """The same as STACK describes them, with the sample."""
    machines.write(STACK)
    if changed(machines.plan()):
        machines.up()
    return machines

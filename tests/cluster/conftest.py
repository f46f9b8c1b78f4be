"""Clusters for tests: what they need of this machine, and how long they may take."""

import pytest

from tests.cluster import container

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

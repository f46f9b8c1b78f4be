"""The stack on this machine that these tests share."""

from collections.abc import Callable, Iterator

import pytest

from tests.skytier_command import Skytier, free_port


@pytest.fixture(scope="package")
def shared(make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    """Up as long as tests of this directory run. A test that changes it takes `stack`."""
    skytier = make_skytier()
    skytier.run("up", "--port", str(free_port()), "--workers", "2")
    yield skytier
    skytier.run("down", "--purge", "--yes")


@pytest.fixture
def stack(shared: Skytier) -> Iterator[Skytier]:
    """The shared stack, up when the test begins, and up again for the next."""
    yield shared
    shared.run("up")

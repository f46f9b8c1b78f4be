"""Stacks as the tests of the tool need them."""

from collections.abc import Callable, Iterator

import pytest

from tests.skytier_command import Skytier, free_port


@pytest.fixture
def fresh(make_skytier: Callable[[], Skytier]) -> Skytier:
    """A home that nothing was ever brought up in."""
    return make_skytier()


@pytest.fixture(scope="session")
def shared(make_skytier: Callable[[], Skytier]) -> Skytier:
    """The stack that most tests share."""
    skytier = make_skytier()
    skytier.run("up", "--port", str(free_port()), "--workers", "2")
    return skytier


@pytest.fixture
def stack(shared: Skytier) -> Iterator[Skytier]:
    """The shared stack, up when the test begins, and up again for the next."""
    yield shared
    shared.run("up")

"""Homes as the tests of the tool need them."""

from collections.abc import Callable

import pytest

from tests.skytier_command import Skytier


@pytest.fixture
def fresh(make_skytier: Callable[[], Skytier]) -> Skytier:
    """A home that nothing was ever brought up in."""
    return make_skytier()

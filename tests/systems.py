"""The systems that tests of machines run on: Debian 12, and with `--large` Debian 13 too."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cluster.container import Base


@pytest.fixture(
    scope="session",
    params=["debian-12", pytest.param("debian-13", marks=pytest.mark.large)],
)
def base(request: pytest.FixtureRequest) -> "Base":
    """What machines in containers are made from."""
    # Most tests need no container.
    from tests.cluster.container import DEBIAN_12, DEBIAN_13

    return next(each for each in (DEBIAN_12, DEBIAN_13) if each.name == request.param)

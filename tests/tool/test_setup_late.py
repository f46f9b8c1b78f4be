"""A machine that is not set up in time is told as such, and not as one that failed."""

import pytest

from skytier.deploy.setup import set_up
from skytier.errors import SkytierError
from skytier.hosts.host import CommandTimeoutError
from skytier.services.setup import Setup


class Late:
    """A host whose set-up does not end, and which says nothing meanwhile."""

    name = "shop-database-1"

    def run(self, script: str, stdin: bytes | None = None) -> str:
        raise CommandTimeoutError("A command did not end within 1800 s. It said:\n", "Look.", "")


def test_it_says_that_it_may_go_on() -> None:
    with pytest.raises(SkytierError) as raised:
        set_up(Late(), Setup([], ""), {}, lambda text: None)

    assert raised.value.what.startswith("shop-database-1 was not set up in time.")
    assert "within 1800 s" in raised.value.what
    assert "run skytier up again" in str(raised.value.do)

"""The backups in the cloud's object store, proven on the machine of the monitor."""

from collections.abc import Iterator

import pytest

from skytier.services.pgbackrest import contained

from .account import Account, Operator, backed_up

pytestmark = pytest.mark.large
# What a container of a rehearsal, and its way to the backups, would leave on the machine.
LEFT = f"{contained.HOME} {contained.AT_BOOT} /run/skytier-rehearsal*"


@pytest.fixture(scope="module")
def stack(operator: Operator, name: str) -> Iterator[str]:
    """A web server, a database and a monitor."""
    # The copy gets half of the memory that is free on the monitor's machine.
    more = '[monitor]\ndedicated = true\nflavor = "m1.small"\n'
    with backed_up(operator, name, more) as stack:
        yield stack


def test_no_server_is_made_and_nothing_is_left(
    account: Account, operator: Operator, stack: str
) -> None:
    before = account.count()
    said = operator.json("rehearse", "--on", "monitor", timeout_s=1800)

    assert said["good"] is True
    assert said["tables"] > 0
    assert account.count() == before
    left = f"echo left there: $(ls -d {LEFT} 2>/dev/null) and no more"
    assert "left there: and no more" in operator.run("exec", "monitor", left)
    operator.ends_with(0, "plan", "--detailed-exitcode")
    assert operator.json("status")["healthy"] is True

"""The backups in the cloud's object store, proven on the machine of the monitor."""

from collections.abc import Iterator

import pytest

from skytier.services.pgbackrest import contained

from .account import Account, Operator

pytestmark = pytest.mark.large
CA = "/var/lib/devcloud/etc/ceph/objects.pem"
# What a container of a rehearsal, and its way to the backups, would leave on the machine.
LEFT = f"{contained.HOME} {contained.AT_BOOT} /run/skytier-rehearsal*"


@pytest.fixture(scope="module")
def stack(operator: Operator, name: str) -> Iterator[str]:
    """A web server, a database and a monitor."""
    operator.write(
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
        # The copy gets half of the memory that is free there.
        '[monitor]\ndedicated = true\nflavor = "m1.small"\n'
        f'[backup]\nkind = "object-store"\nbucket = "{name}-backups"\n'
        f'endpoint = "https://objects.devcloud.test:8443"\nca = "{CA}"\n'
    )
    try:
        operator.run("up", "--yes")
        yield name
    finally:
        operator.run("down", "--delete-data", "--purge", "--yes")
        assert operator.json("status", code=3)["machines"] == []


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

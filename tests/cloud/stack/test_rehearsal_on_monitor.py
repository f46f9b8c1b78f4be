"""The backups in the cloud's object store, proven on the machine of the monitor."""

from collections.abc import Iterator

import pytest

from .account import Account, Operator

pytestmark = pytest.mark.large
CA = "/var/lib/devcloud/etc/ceph/objects.pem"
# What a container of a rehearsal, and its way to the backups, would leave there.
LEFT = "ls -d /var/lib/skytier/rehearsal* /run/netns/* /etc/systemd/system/skytier-rehearsal* || true"


@pytest.fixture(scope="module")
def stack(operator: Operator, name: str) -> Iterator[str]:
    """A web server, a database and a monitor."""
    operator.write(
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
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
    left = operator.run("exec", "monitor", f"{LEFT}; echo that was all")
    assert "rehearsal" not in left
    assert "that was all" in left
    operator.ends_with(0, "plan", "--detailed-exitcode")
    assert operator.json("status")["healthy"] is True

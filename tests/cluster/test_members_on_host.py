"""Several members whose backups are on another host by SFTP: failover, restore, three and one."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from skytier.deploy import backups
from skytier.deploy.keeper import keeper
from skytier.poll import until
from tests.cluster.asked import silent
from tests.cluster.backup_host import ACCOUNT, HOST, PATH, key, let_in, public
from tests.cluster.cluster import Cluster, changed
from tests.cluster.container import DEBIAN_13, Container
from tests.cluster.members import (
    FIRST,
    PATRONICTL,
    PROJECT,
    WEB,
    begin_to_write,
    databases,
    goes_on,
    lost,
    marked,
    members,
    primary,
    restored,
    sql,
    well,
    write_anew,
)
from tests.project.trees import write_dedented

pytestmark = pytest.mark.large


@dataclass
class Place:
    """A stack, and the host that its backups go to."""

    made: Cluster
    host: Container

    def has(self, segment: str) -> bool:
        """Whether this segment of the log has arrived there."""
        return bool(self.host.run(f"find {PATH} -name '{segment}-*' -not -name '*.tmp'"))


def stack(project: Path, host_key: str, members: int) -> str:
    return f"""\
database.members = {members}
monitor.enabled = false
[backup]
kind = "sftp"
host = "{HOST}"
user = "{ACCOUNT}"
known_hosts = {json.dumps(f"{HOST} {host_key}")}
path = "{PATH}"
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
"""


def machine_of_backups(made: Cluster, home: Path, private: str, lets_in: str) -> Container:
    """Another machine of the network, which shows the key that the stack file has."""
    host = Container("backup-host", HOST, home, base=made.base)
    made.network.connect(host)
    host.create("#cloud-config\n{}\n")
    host.start()
    host.wait()
    host.run("rm /etc/ssh/ssh_host_*")
    host.put("/etc/ssh/ssh_host_ed25519_key", private, 0o600)
    let_in(host, lets_in)
    return host


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The application, and the keys of the host: private and public."""
    project = write_dedented(tmp_path_factory.mktemp("project"), PROJECT)
    path = tmp_path_factory.mktemp("keys") / "host"
    return project, key(path), " ".join(public(path).split()[:2])


@pytest.fixture(scope="module")
def place(
    files: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Two members to which clients write."""
    project, host_private, host_key = files
    path = tmp_path_factory.mktemp("given") / "backup"
    private = key(path)
    made = Cluster(stack(project, host_key, 2), {"backup_ssh_key": private}, base=DEBIAN_13)
    host, home = None, Path(tempfile.mkdtemp(prefix="skytier-host-"))
    try:
        host = machine_of_backups(made, home / "backup-host", host_private, public(path))
        made.up()
        begin_to_write(made)
        yield Place(made, host)
    finally:
        if host:
            host.delete()
        made.down()
        shutil.rmtree(home)


def test_the_archive_on_the_host_has_no_gap_after_a_switchover(place: Place) -> None:
    made = place.made
    well(made)
    assert until(lambda: backups.listing(keeper(databases(made))).all, 300)
    former = primary(made)
    written = [sql(former, "SELECT pg_walfile_name(pg_switch_wal())")]

    former.run(f"{PATRONICTL} switchover shop --force")

    now = primary(made)
    assert now is not former
    goes_on(made)
    well(made)
    written.append(sql(now, "SELECT pg_walfile_name(pg_switch_wal())"))
    assert until(lambda: all(map(place.has, written)), 300)
    assert not backups.verify(keeper(databases(made)), silent).wrong
    assert lost(made) == set()


def test_writes_go_on_while_the_host_is_away(place: Place) -> None:
    made = place.made
    made.network.cut(place.host)
    try:
        written = sql(primary(made), "SELECT pg_walfile_name(pg_switch_wal())")
        goes_on(made)
    finally:
        made.network.cut(place.host, mended=True)
    assert until(lambda: place.has(written), 300)
    well(made)
    assert lost(made) == set()


def test_a_moment_is_restored_from_the_host(place: Place) -> None:
    made = place.made
    restored(made, marked(made))

    well(made)
    for machine in databases(made).values():
        assert until(lambda: sql(machine, "SELECT mark FROM marks") == "before", 300)  # noqa: B023
    write_anew(made)
    goes_on(made)
    assert lost(made) == set()


def test_two_become_three_and_then_one(place: Place, files: tuple[Path, str, str]) -> None:
    made, (project, _, host_key) = place.made, files
    made.write(stack(project, host_key, 3))
    made.up()
    goes_on(made)
    well(made)
    assert sorted(members(made).values()) == ["Leader", "Replica", "Sync Standby"]
    backups.make(keeper(databases(made)), "diff", silent)
    assert lost(made) == set()

    made.write(stack(project, host_key, 1))
    made.up()

    goes_on(made)
    assert made.wrong() == {}
    assert lost(made) == set()
    assert sorted(made.containers) == [FIRST, WEB]
    only = made.containers[FIRST]
    assert not backups.verify(only, silent).wrong
    written = sql(only, "SELECT pg_walfile_name(pg_switch_wal())")
    assert until(lambda: place.has(written), 120)
    assert changed(made.plan()) == []

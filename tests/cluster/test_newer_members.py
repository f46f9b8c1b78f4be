"""Two members go from Debian 12 to Debian 13 while clients write, and then to PostgreSQL 17."""

from collections.abc import Iterator

import pytest

from skytier.deploy import backups
from skytier.deploy.keeper import keeper
from skytier.poll import until
from tests.cluster.asked import silent
from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import MOVED
from tests.cluster.members import (
    FIRST,
    PROJECT,
    SECOND,
    WEB,
    begin_to_write,
    databases,
    goes_on,
    lost,
    sql,
    stack,
    well,
)
from tests.project.trees import write_dedented

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_dedented(tmp_path_factory.mktemp("newer"), PROJECT))


@pytest.fixture(scope="module")
def made(project: str) -> Iterator[Cluster]:
    with cluster(newer(project, 2)) as made:
        begin_to_write(made)
        yield made


def newer(project: str, members: int, version: int | None = None) -> str:
    """The web server has the newer system from the beginning, the members if a version is named."""
    database = f'database.image = "{MOVED.name}"\ndatabase.version = {version}\n'
    return f'web.image = "debian-13"\n{database if version else ""}{stack(project, members)}'


def system(made: Cluster, name: str) -> str:
    return made.containers[name].run(". /etc/os-release; echo $VERSION_CODENAME").strip()


def etcd(made: Cluster, name: str) -> str:
    return made.containers[name].run("etcd --version | sed -n 's/^etcd Version: //p'")[:3]


def version(made: Cluster, name: str) -> int:
    return int(sql(made.containers[name], "SHOW server_version_num")) // 10000


def test_voters_of_both_systems_agree(made: Cluster) -> None:
    assert [etcd(made, name) for name in (FIRST, SECOND, WEB)] == ["3.4", "3.4", "3.5"]
    well(made)
    assert changed(made.plan()) == []


def test_the_members_go_while_clients_write(made: Cluster, project: str) -> None:
    secrets = made.secrets
    made.write(newer(project, 2, 15))
    made.up()

    goes_on(made)
    well(made)
    assert lost(made) == set()
    for name in (FIRST, SECOND):
        assert system(made, name) == "trixie"
        assert version(made, name) == 15
        assert etcd(made, name) == "3.5"
    assert made.secrets == secrets
    assert changed(made.plan()) == []
    backups.make(keeper(databases(made)), "diff", silent)
    assert not backups.verify(keeper(databases(made)), silent).wrong


@pytest.mark.parametrize(("members", "version_"), [(1, 15), (1, 17), (2, 17)])
def test_then_their_version_goes_up_by_way_of_one(
    made: Cluster, project: str, members: int, version_: int
) -> None:
    made.write(newer(project, members, version_))
    made.up()

    goes_on(made)
    assert lost(made) == set()
    assert version(made, FIRST) == version_
    assert changed(made.plan()) == []


def test_at_the_end_all_is_well(made: Cluster) -> None:
    well(made)
    assert [version(made, name) for name in (FIRST, SECOND)] == [17, 17]
    now = keeper(databases(made))
    assert until(lambda: backups.listing(now).newest.version == "17", 300, every_s=1)
    assert not backups.verify(now, silent).wrong

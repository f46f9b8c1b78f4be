"""A stack goes from Debian 12 to Debian 13, role by role, while visitors and writers come."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.deploy import backups
from skytier.deploy.keeper import keeper
from skytier.errors import SkytierError
from skytier.openstack.other_files import new_servers, refuse
from skytier.poll import until
from tests.cluster.asked import silent
from tests.cluster.balanced import PROJECT, visitors
from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import MOVED, SHARED
from tests.cluster.members import FIRST, PSQL, SECOND, WEB, WRITERS, databases, goes_on, lost, well
from tests.project.trees import write_dedented

pytestmark = pytest.mark.large

OTHER_WEB, BALANCER = "shop-web-2", "shop-balancer-1"
OLD, NEW = "debian-12", "debian-13"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("moved"), PROJECT)


def stack(
    project: Path, web: str, balancer: str = OLD, database: str = OLD, more: str = "members = 1"
) -> str:
    """The images of the three roles; `more` is of the database's section."""
    return f"""\
monitor.enabled = false
backup = {{kind = "path", path = "{SHARED}/backups"}}
web = {{count = 2, image = "{web}"}}
balancer.image = "{balancer}"
database = {{image = "{database}", {more}}}
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
"""


@pytest.fixture(scope="module")
def made(project: Path) -> Iterator[Cluster]:
    with cluster(stack(project, OLD), floats=True) as made:
        table = (
            "CREATE TABLE numbers (number bigint PRIMARY KEY); ALTER TABLE numbers OWNER TO skytier"
        )
        made.containers[FIRST].run(f"{PSQL} --command='{table}'")
        yield made


def system(made: Cluster, name: str) -> str:
    return made.containers[name].run(". /etc/os-release; echo $VERSION_CODENAME").strip()


def etcd(made: Cluster, name: str) -> str:
    return made.containers[name].run("etcd --version | sed -n 's/^etcd Version: //p'").strip()


def postgresql(made: Cluster, name: str) -> str:
    psql = "cd /; runuser -u postgres -- psql -XAt -c 'SHOW server_version'"
    return made.containers[name].run(psql).partition(".")[0]


def test_web_servers_go_first_and_no_request_fails(made: Cluster, project: Path) -> None:
    made.write(stack(project, NEW))
    with visitors(made) as visit:
        made.up()

    assert visit.failed == []
    assert set(visit.answers) == {WEB, OTHER_WEB}
    assert [system(made, name) for name in (WEB, OTHER_WEB)] == ["trixie"] * 2
    assert [system(made, name) for name in (BALANCER, FIRST)] == ["bookworm"] * 2
    assert until(lambda: made.wrong() == {}, 120), made.wrong()
    assert changed(made.plan()) == []


def test_the_balancer_goes_next(made: Cluster, project: Path) -> None:
    made.write(stack(project, NEW, NEW))
    made.up()

    assert system(made, BALANCER) == "trixie"
    assert until(lambda: made.wrong() == {}, 120), made.wrong()
    with made.network.start("curl", "-sS", f"http://{made.public_address}/") as curl:
        assert json.loads(curl.communicate(timeout=300)[0])["host"] in (WEB, OTHER_WEB)
    assert changed(made.plan()) == []


def test_voters_of_both_systems_agree_on_the_members(made: Cluster, project: Path) -> None:
    web = made.containers[WEB]
    web.put("/root/writers.py", WRITERS, 0o600)
    web.run("systemd-run --quiet --unit=writers python3 /root/writers.py")
    goes_on(made)

    made.write(stack(project, NEW, NEW, more="members = 2"))
    made.up()

    assert [etcd(made, name)[:4] for name in (FIRST, SECOND, BALANCER)] == ["3.4.", "3.4.", "3.5."]
    goes_on(made)
    well(made)
    assert lost(made) == set()
    assert changed(made.plan()) == []


def test_the_database_s_own_next_version_is_refused_beforehand(
    made: Cluster, project: Path
) -> None:
    made.write(stack(project, NEW, NEW, NEW, "members = 2"))
    servers = new_servers(made.resolved, made.known(), made.plan())

    with pytest.raises(SkytierError, match=r"has PostgreSQL 17, .* is of PostgreSQL 15") as error:
        refuse(servers, None, 15)
    assert "Set database.version = 15" in (error.value.do or "")


def test_the_members_go_with_their_version_while_clients_write(
    made: Cluster, project: Path
) -> None:
    before = made.secrets
    made.write(stack(project, NEW, NEW, MOVED.name, "members = 2, version = 15"))
    made.up()

    goes_on(made)
    well(made)
    assert lost(made) == set()
    for name in (FIRST, SECOND):
        assert system(made, name) == "trixie"
        assert postgresql(made, name) == "15"
        assert etcd(made, name).startswith("3.5.")
    assert made.secrets == before
    assert changed(made.plan()) == []
    backups.make(keeper(databases(made)), "diff", silent)
    assert not backups.verify(keeper(databases(made)), silent).wrong


def test_then_its_version_goes_up_by_way_of_one_member(made: Cluster, project: Path) -> None:
    for more in (
        "members = 1, version = 15",
        "members = 1, version = 17",
        "members = 2, version = 17",
    ):
        made.write(stack(project, NEW, NEW, MOVED.name, more))
        made.up()
        goes_on(made)

    well(made)
    assert lost(made) == set()
    assert [postgresql(made, name) for name in (FIRST, SECOND)] == ["17"] * 2
    assert changed(made.plan()) == []
    now = keeper(databases(made))
    assert until(lambda: backups.listing(now).newest.version == "17", 300, every_s=1)
    assert not backups.verify(now, silent).wrong

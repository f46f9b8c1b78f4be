"""A stack goes from Debian 12 to Debian 13: its web servers while visitors come, its balancer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.deploy.apply import LossError, refuse_losses
from skytier.poll import until
from tests.cluster.asked import code_name
from tests.cluster.balanced import PROJECT, visitors
from tests.cluster.cluster import Cluster, changed, cluster
from tests.project.trees import write_dedented

pytestmark = pytest.mark.large

WEB, OTHER_WEB, BALANCER, DATABASE = (
    *("shop-web-1", "shop-web-2"),
    *("shop-balancer-1", "shop-database-1"),
)
OLD, NEW = "debian-12", "debian-13"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("moved"), PROJECT)


def stack(project: Path, web: str, balancer: str = OLD, database: str = OLD) -> str:
    """The images of the three roles."""
    return f"""\
monitor.enabled = false
web = {{count = 2, image = "{web}"}}
balancer.image = "{balancer}"
database.image = "{database}"
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
"""


@pytest.fixture(scope="module")
def made(project: Path) -> Iterator[Cluster]:
    with cluster(stack(project, OLD), floats=True) as made:
        yield made


def system(made: Cluster, name: str) -> str:
    return code_name(made.containers[name])


def test_web_servers_go_first_and_no_request_fails(made: Cluster, project: Path) -> None:
    made.write(stack(project, NEW))
    with visitors(made) as visit:
        made.up()

    assert visit.failed == []
    assert set(visit.answers) == {WEB, OTHER_WEB}
    assert [system(made, name) for name in (WEB, OTHER_WEB)] == ["trixie"] * 2
    assert [system(made, name) for name in (BALANCER, DATABASE)] == ["bookworm"] * 2
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


def test_a_database_that_would_lose_its_data_stays(made: Cluster, project: Path) -> None:
    made.write(stack(project, NEW, NEW, NEW))

    with pytest.raises(LossError):
        refuse_losses(made.plan())

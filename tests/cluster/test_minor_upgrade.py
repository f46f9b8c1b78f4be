"""A minor upgrade of a database of one member, also one that is cut short while files change."""

import threading
from typing import Any

import pytest

from skytier.deploy import backups
from skytier.deploy.minor_upgrade import UNIT
from skytier.errors import SkytierError
from skytier.openstack.commands.minor_upgrade import Upgraded, carry_out
from skytier.poll import until
from skytier.services.patroni.software import upstream
from tests.cluster.cluster import Cluster, Events
from tests.cluster.container import Container
from tests.cluster.newer import NAMES, offer_newer

STATE = f"/run/{UNIT}/state"
PSQL = "cd /; runuser -u postgres -- psql -At skytier -c"


@pytest.fixture(scope="module")
def database(three: Cluster) -> Container:
    machine = three.containers["shop-database-1"]
    assert until(lambda: three.wrong() == {} and backups.listing(machine).all, 300)
    return machine


def upgraded(machine: Container) -> Upgraded:
    events: Any = Events()
    return carry_out({machine.name: machine}, events, count=1, synchronous=True)


@pytest.mark.large
def test_one_that_is_cut_short_is_finished_by_the_next(three: Cluster, database: Container) -> None:
    newest = offer_newer([database])
    database.run("apt-get -qq update")
    database.run(f"{PSQL} 'CREATE TABLE kept AS SELECT 1 AS number'")

    def cut() -> None:
        status = f"dpkg-query --show --showformat='${{db:Status-Abbrev}}' {NAMES[0]}"
        begun = f"grep --quiet installing {STATE} && {status} | grep -v '^ii' || true"
        assert until(lambda: database.run(begun), 120, every_s=0.02)
        database.run(f"systemctl kill --signal=KILL {UNIT}")

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(SkytierError, match="was interrupted"):
        upgraded(database)
    cutter.join()

    done = upgraded(database)

    assert done.version == upstream(newest)
    assert until(lambda: three.wrong() == {}, 120), three.wrong()
    assert database.run(f"{PSQL} 'SELECT number FROM kept'").strip() == "1"
    assert newest in database.run(f"{PSQL} 'SHOW server_version'")
    backups.make(database, "diff", lambda text: None)
    assert upgraded(database) == Upgraded(upstream(newest), None)

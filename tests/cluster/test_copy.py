"""A copy of a database, restored on the machine of another stack from the same backups."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from skytier import roles
from skytier.deploy import backups, copy
from skytier.deploy.checks import failing
from skytier.deploy.copy import Original
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.pgbackrest.copy import DROPIN, OWN, UNIT
from skytier.services.postgresql.config import SECOND
from skytier.services.setup import Setup
from tests.cluster.asked import silent, sql
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import BACKUPS
from tests.cluster.container import Container
from tests.roles.topology import DATABASE, topology

LISTED = f"find {BACKUPS} -printf '%p %s %T@ %m %u\\n' | sort"
LEFT = f"ls -d {OWN} /run/{UNIT} 2>/dev/null || true"
WAITS = "ls /var/lib/postgresql/*/main/pg_wal/archive_status | grep ready || true"
OWN_PASSWORD, OTHER_PASSWORD = "the copy's own", "of the other stack"


@pytest.fixture(scope="module")
def database(three: Cluster) -> Iterator[Container]:
    """The original's machine, with a backup."""
    machine = three.containers["shop-database-1"]
    assert until(lambda: three.wrong() == {} and backups.listing(machine).all, 300)
    # As after a change of the password: both roles have one.
    sql(
        machine,
        f"CREATE TABLE copied (mark text); DROP ROLE IF EXISTS {SECOND};"
        f"CREATE ROLE {SECOND} LOGIN PASSWORD '{OTHER_PASSWORD}' IN ROLE skytier;"
        "CREATE SUBSCRIPTION others CONNECTION 'host=127.0.0.1 dbname=none' PUBLICATION none "
        "WITH (connect = false); ALTER SUBSCRIPTION others ENABLE",
    )
    yield machine
    sql(
        machine,
        f"DROP TABLE copied; DROP ROLE {SECOND}; ALTER SUBSCRIPTION others DISABLE;"
        "ALTER SUBSCRIPTION others SET (slot_name = NONE); DROP SUBSCRIPTION others",
    )


@pytest.fixture(scope="module")
def setup(three: Cluster, database: Container) -> Setup:
    """That of the copy's machine, by a stack file without backups."""
    address = database.address.rpartition(".")[0] + ".90"
    of_copy = topology(
        f'cidr = "{three.resolved.stack.cidr}"\nmonitor.enabled = false\n'
        'database.packages = ["pgbackrest"]',
        [replace(DATABASE, name="copy-database-1", address=address)],
    )
    return roles.setup(of_copy, of_copy.machines[0])


@pytest.fixture(scope="module")
def machine(three: Cluster, database: Container, setup: Setup) -> Iterator[Container]:
    """The copy's machine. It sees the backups of the other one, and cannot write there."""
    address = database.address.rpartition(".")[0] + ".90"
    binds = (f"{database.root}{BACKUPS}:{BACKUPS}",)
    made = Container(
        "copy-database-1", address, database.home.parent / "copy", binds=binds, base=database.base
    )
    three.network.connect(made)
    try:
        made.create("#cloud-config\n")
        made.start()
        made.wait()
        secrets = {**three.secrets, "database_password": OWN_PASSWORD}
        made.set_up(setup, secrets)
        yield made
    finally:
        made.delete()


@pytest.fixture(scope="module")
def original(three: Cluster) -> Original:
    return Original(three.resolved.stack, None, three.secrets)


def logs_in(machine: Container, role: str, password: str) -> bool:
    """Whether a role gets in by the network."""
    script = (
        f"export PGPASSWORD=$(cat); psql 'host={machine.address} user={role} dbname=skytier "
        "sslmode=require' -qAtc 'SELECT 1' 2>&1 || true"
    )
    said = machine.run(script, password.encode()).strip()
    assert said == "1" or "password authentication failed" in said, said
    return said == "1"


def archived(machine: Container) -> None:
    sql(machine, "SELECT pg_switch_wal()")
    assert until(lambda: not machine.run(WAITS), 120, every_s=1)


def follows_itself(machine: Container) -> None:
    """As after a failover: what follows is on a timeline that has no backup yet."""
    version = machine.base.postgresql
    data, unit = f"/var/lib/postgresql/{version}/main", f"postgresql@{version}-main"
    machine.run(f"systemctl stop {unit}; runuser -u postgres -- touch {data}/standby.signal")
    machine.run(f"systemctl start {unit}")
    assert sql(machine, "SELECT pg_promote()") == "t"


def restored(machine: Container, original: Original, to: str) -> str:
    return copy.restore(machine, [original], to, silent, watched=False).words


def test_a_moment_between_two_changes_is_in_the_copy_and_the_backups_are_as_before(
    three: Cluster, database: Container, machine: Container, original: Original
) -> None:
    follows_itself(database)
    sql(database, "INSERT INTO copied VALUES ('before')")
    between = backups.now(database).isoformat()
    sql(database, "INSERT INTO copied VALUES ('after')")
    archived(database)
    before = database.run(LISTED)

    words = restored(machine, original, between)

    assert "its state of" in words
    assert sql(machine, "SELECT mark FROM copied") == "before"
    assert database.run(LISTED) == before
    assert sql(database, "SELECT count(*) FROM copied") == "2"
    # Each stack's password is good for its own database alone.
    own = three.secrets["database_password"]
    assert logs_in(machine, "skytier", OWN_PASSWORD)
    assert not logs_in(machine, "skytier", own)
    assert not logs_in(machine, SECOND, OTHER_PASSWORD)
    assert logs_in(database, SECOND, OTHER_PASSWORD)
    assert not logs_in(database, "skytier", OWN_PASSWORD)
    # It takes writes, archives nothing, and nothing of the restore is left.
    sql(machine, "INSERT INTO copied VALUES ('of the copy'); SELECT pg_switch_wal()")
    assert sql(machine, "SHOW archive_mode; SHOW hot_standby; SHOW restore_command") == "off\non"
    assert sql(machine, "SELECT subname, subenabled FROM pg_subscription") == "others|f"
    assert sql(machine, "SHOW max_logical_replication_workers") != "0"
    assert sql(machine, "SHOW listen_addresses") == f"{machine.address},localhost"
    settings = machine.run("cat /var/lib/postgresql/*/main/postgresql.auto.conf")
    assert "recovery" not in settings
    assert "restore_command" not in settings
    assert machine.run(LEFT) == ""
    assert three.wrong() == {}


def test_one_that_is_cut_short_says_so_and_begins_anew(
    database: Container, machine: Container, original: Original, setup: Setup
) -> None:
    sql(database, "INSERT INTO copied VALUES ('newest')")
    archived(database)

    def cut() -> None:
        begun = f"grep -E 'copying|replaying' /run/{UNIT}/state 2>/dev/null || true"
        assert until(lambda: machine.run(begun), 120, every_s=0.05)
        machine.run(f"systemctl kill --signal=KILL {UNIT}.service")

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(SkytierError, match="was interrupted") as error:
        restored(machine, original, "latest")
    cutter.join()
    assert "starts the restore again" in (error.value.do or "")
    assert until(lambda: not machine.run(LEFT), 300)
    # Nobody else starts PostgreSQL in the middle of it, also with the machine.
    assert "was interrupted here" in failing(machine, setup.checks)["copy"]
    with pytest.raises(SkytierError, match="Assertion failed"):
        machine.run(f"systemctl restart postgresql@{machine.base.postgresql}-main")

    restored(machine, original, "latest")

    assert failing(machine, setup.checks) == {}
    assert machine.run(f"ls {DROPIN} 2>/dev/null || true") == ""
    assert sql(machine, "SELECT mark FROM copied") == "before\nafter\nnewest"
    assert logs_in(machine, "skytier", OWN_PASSWORD)


def test_what_cannot_be_restored_is_refused_and_the_copy_stays(
    machine: Container, original: Original
) -> None:
    there = sql(machine, "SELECT mark FROM copied")
    wrong = replace(original, secrets={**original.secrets, "backup_key": "another"})
    with pytest.raises(SkytierError, match="cannot be decrypted") as error:
        restored(machine, wrong, "latest")
    assert "SKYTIER_BACKUP_KEY" in (error.value.do or "")
    with pytest.raises(SkytierError, match="before the oldest backup"):
        restored(machine, original, "2020-01-01T00:00:00Z")
    assert sql(machine, "SELECT mark FROM copied") == there
    machine.run("mv /usr/bin/pgbackrest /usr/bin/pgbackrest.away")
    try:
        with pytest.raises(SkytierError, match="has no pgBackRest"):
            restored(machine, original, "latest")
    finally:
        machine.run("mv /usr/bin/pgbackrest.away /usr/bin/pgbackrest")

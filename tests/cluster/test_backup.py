"""Backups of a database: made, checked and restored, and what goes wrong with them."""

import shlex
import subprocess
import threading
from collections.abc import Iterator

import pytest

from skytier.deploy import backups
from skytier.deploy.restore import intend, restore
from skytier.errors import SkytierError
from skytier.poll import until
from tests.cluster.asked import silent
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import BACKUPS, STACK
from tests.cluster.container import Container, image

REPOSITORY = f"{BACKUPS}/shop"
STATE = "/var/lib/skytier/backup"
CONF = "/etc/pgbackrest/conf.d/skytier.conf"


@pytest.fixture(scope="module")
def database(three: Cluster) -> Container:
    """The machine, with its first backup."""
    machine = three.containers["shop-database-1"]
    assert until(lambda: three.wrong() == {} and backups.listing(machine).all, 120)
    sql(machine, "CREATE TABLE marks (mark text)")
    return machine


@pytest.fixture
def damaged(database: Container) -> Iterator[Container]:
    """The same for a test that damages the backups; they are made anew afterwards."""
    database.run(
        f"rm -rf /srv/copy; cp --archive {REPOSITORY} /srv/copy; cp --archive {CONF} /srv/"
    )
    yield database
    database.run(
        f"rm -rf {REPOSITORY}; mv /srv/copy {REPOSITORY}; cp --archive /srv/skytier.conf {CONF}"
    )


def sql(machine: Container, statement: str, name: str = "skytier") -> str:
    psql = f"cd /; runuser -u postgres -- psql -At {name} -c {shlex.quote(statement)}"
    return machine.run(psql).strip()


def mark(machine: Container, text: str) -> None:
    sql(machine, f"INSERT INTO marks VALUES ('{text}')")


def marks(machine: Container) -> list[str]:
    return sql(machine, "SELECT mark FROM marks").split()


def restored(machine: Container, to: str) -> None:
    restore(machine, intend(machine, to), silent)


def test_a_moment_between_two_changes_is_restored_and_there_is_a_way_back(
    three: Cluster, database: Container
) -> None:
    mark(database, "before")
    between = backups.now(database)
    mark(database, "after")

    intended = intend(database, between.isoformat())
    assert intended.first
    restore(database, intended, silent)

    assert marks(database) == ["before"]
    assert three.wrong() == {}
    # What was there is backed up, on the former timeline; and what is there now, on the new one.
    *_, former, now = backups.listing(database).all
    assert now.timeline == former.timeline + 1
    # Its settings of the recovery are gone, also from the running server.
    waiting = "SELECT count(*) FROM pg_settings WHERE pending_restart"
    assert sql(database, f"SELECT pg_reload_conf(), pg_sleep(1), ({waiting})").endswith("|0")
    mark(database, "since")
    restored(database, former.name)
    assert marks(database) == ["before", "after"]
    assert not backups.verify(database, silent).wrong


def test_a_backup_from_when_more_connections_were_let_in_is_restored(
    three: Cluster, database: Container
) -> None:
    """`max_connections` follows the number of web servers, which had been larger."""
    before = sql(database, "SHOW max_connections")
    connections(database, int(before) + 40)
    mark(database, "of-more")
    backups.make(database, "diff", silent)
    between = backups.now(database)
    mark(database, "later")
    until_now = marks(database)
    connections(database, int(before))

    restored(database, between.isoformat())

    assert marks(database) == until_now[:-1]
    assert sql(
        database, "SELECT current_setting('hot_standby'), current_setting('max_connections')"
    ) == (f"on|{before}")
    assert three.wrong() == {}


def connections(machine: Container, number: int) -> None:
    """As a set-up for another number of web servers leaves it."""
    version = machine.base.postgresql
    machine.run(
        f"sed --in-place 's/^max_connections = .*/max_connections = {number}/' "
        "/etc/skytier/postgresql/skytier.conf; "
        f"systemctl restart postgresql@{version}-main"
    )
    assert sql(machine, "SHOW max_connections") == str(number)


def test_a_restore_that_is_cut_short_says_so_and_goes_on(
    three: Cluster, database: Container
) -> None:
    mark(database, "newest")
    until_now = marks(database)

    def cut() -> None:
        begun = f"grep -E 'copying|replaying' {STATE}/restore 2>/dev/null || true"
        assert until(lambda: database.run(begun), 120, every_s=0.05)
        database.run("systemctl kill --signal=KILL skytier-restore.service")

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(SkytierError, match="It was interrupted") as error:
        restored(database, "latest")
    cutter.join()
    assert "skytier restore --to ..." in (error.value.do or "")
    assert "A restore of the database was interrupted" in three.wrong()["shop-database-1 backup"]
    # Never with some of the files.
    database.run(f"touch {STATE}/incomplete")
    with pytest.raises(SkytierError, match="Assertion failed"):
        database.run(f"systemctl start postgresql@{database.base.postgresql}-main")

    intended = intend(database, "latest")
    assert intended.stand.unfinished
    restore(database, intended, silent)

    assert marks(database) == until_now
    assert three.wrong() == {}


def test_what_is_written_while_the_place_is_away_arrives_later(
    three: Cluster, database: Container
) -> None:
    database.run(f"mv {REPOSITORY} /srv/away")
    mark(database, "meanwhile")
    sql(database, "SELECT pg_switch_wal()")
    said: dict[str, str] = {}
    assert until(lambda: said.update(three.wrong()) or said, 60)  # type: ignore[func-returns-value]
    assert "does not arrive in the directory" in said["shop-database-1 backup"]
    assert not backups.arrive(database)
    with pytest.raises(SkytierError, match="The backup failed") as error:
        backups.make(database, "diff", silent)
    assert "unable to load info file" in error.value.what
    figures = "cat /var/lib/prometheus/node-exporter/skytier-backup.prom"
    assert "skytier_backup_failed 1" in database.run(figures)

    database.run(f"mv /srv/away {REPOSITORY}")
    waits = "ls /var/lib/postgresql/*/main/pg_wal/archive_status | grep ready || true"
    assert until(lambda: not database.run(waits), 120, every_s=1)
    backups.make(database, "diff", silent)
    assert three.wrong() == {}
    assert backups.arrive(database)
    assert "skytier_backup_failed 0" in database.run(figures)


def test_a_missing_segment_and_a_truncated_backup_are_found(damaged: Container) -> None:
    segments = []
    for text in ("one", "two", "three"):
        mark(damaged, text)
        segments.append(sql(damaged, "SELECT pg_walfile_name(pg_current_wal_lsn())"))
        sql(damaged, "SELECT pg_switch_wal()")
    there = f"find {REPOSITORY}/archive -name '{segments[-1]}-*'"
    assert until(lambda: damaged.run(there), 120)
    damaged.run(f"find {REPOSITORY}/archive -name '{segments[1]}-*' -delete")

    found = backups.verify(damaged, silent)
    assert found.wrong
    assert f"lacks {segments[1]}" in found.text
    damaged.run(f"truncate --size=100000 $(ls -d {REPOSITORY}/backup/main/*F/bundle/1)")
    assert "status: invalid" in backups.verify(damaged, silent).text


def test_another_key_is_a_clear_error(damaged: Container) -> None:
    damaged.run(f"sed --in-place 's/cipher-pass=.*/cipher-pass=another/' {CONF}")
    with pytest.raises(SkytierError, match="encrypted with another key"):
        backups.verify(damaged, silent)


def test_changes_that_were_dropped_are_told_until_the_next_backup(
    three: Cluster, database: Container
) -> None:
    conf = "/etc/pgbackrest/pgbackrest.conf"
    database.run(f"sed --in-place=.before 's/queue-max=.*/queue-max=1MiB/' {conf}")
    mark(database, "dropped")
    sql(database, "SELECT pg_switch_wal()")
    figures = "cat /var/lib/prometheus/node-exporter/skytier-backup.prom"
    there = f"/usr/local/lib/skytier/backup-metrics; {figures} | grep 'dropped 1' || true"
    assert until(lambda: database.run(there), 120)
    database.run(f"mv {conf}.before {conf}")
    assert "some were dropped" in three.wrong()["shop-database-1 backup"]

    backups.make(database, "diff", silent)
    assert three.wrong() == {}
    assert "skytier_backup_dropped 0" in database.run(figures)


@pytest.mark.parametrize("of_image", [False, True], ids=["another", "of the same image"])
def test_a_database_that_took_the_place_of_a_lost_one_gets_its_data(
    three: Cluster, database: Container, of_image: bool
) -> None:
    # What was archived while the backups were damaged is not in those that came back.
    backups.make(database, "diff", silent)
    there = marks(database)
    identifier = "SELECT system_identifier FROM pg_control_system()"
    former, version = sql(database, identifier), str(database.base.postgresql)
    database.run(
        f"systemctl stop postgresql@{version}-main; pg_dropcluster {version} main; "
        f"rm -rf /var/lib/skytier/*.applied {STATE} /etc/pgbackrest /etc/postgresql/{version}"
    )
    if of_image:
        for directory in ("etc/postgresql", "var/lib/postgresql"):
            of_it = image(database.base) / directory / version
            subprocess.run(("cp", "--archive", of_it, database.root / directory), check=True)
    for key, found in three.servers.there.items():
        if key.name == database.name:
            found.facts["metadata"].clear()

    with pytest.raises(SkytierError, match="are of another database") as error:
        three.up()
    assert "skytier restore --to latest" in (error.value.do or "")
    assert not backups.arrive(database)
    assert (sql(database, identifier) == former) == of_image
    intended = intend(database, "latest")
    assert intended.stand.empty
    assert not intended.first
    restore(database, intended, silent)

    assert marks(database) == there
    three.up()
    assert three.wrong() == {}
    # It has more tables than none now, so what is not in its backups is not overwritten.
    database.run(f"touch {STATE}/foreign")
    with pytest.raises(SkytierError, match="has tables"):
        intend(database, "latest")
    database.run(f"rm {STATE}/foreign")


def test_without_the_section_backups_end_and_those_that_were_made_stay(
    three: Cluster, database: Container
) -> None:
    made = backups.listing(database).newest.name
    three.write("".join(line for line in STACK.splitlines(True) if "backup" not in line))
    three.up()
    assert sql(database, "SELECT setting FROM pg_settings WHERE name = 'archive_mode'") == "off"
    assert "skytier-backup" not in database.run("systemctl list-timers")
    assert three.wrong() == {}
    three.write(STACK)
    three.up()
    assert three.wrong() == {}
    assert made in {each.name for each in backups.listing(database).all}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("2020-01-01T00:00:00Z", "before the oldest backup ended"),
        ("2036-01-01T00:00:00+02:00", "lies ahead"),
        ("2026-01-01T00:00:00", "no time with a zone"),
        ("yesterday", "no backup, and no time"),
    ],
)
def test_what_cannot_be_restored_is_refused(database: Container, asked: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        intend(database, asked)

"""Rehearsals of a restore: what they prove, what they find, and what they leave."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from skytier.deploy import backups, rehearsal
from skytier.deploy import contained as in_container
from skytier.deploy.rehearsal import Proof, Source
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.pgbackrest import contained
from skytier.services.pgbackrest.marker import Marker
from skytier.services.pgbackrest.rehearsal import DATA
from tests.cluster.asked import silent, sql
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import BACKUPS
from tests.cluster.container import SHARED, Container

REPOSITORY = f"{BACKUPS}/shop"
LEFT = f"ls -d {DATA} /run/skytier-rehearsal* 2>/dev/null || true"
PSQL = "/usr/local/bin/psql"
HOME = f"{SHARED}/rehearsal"
STANDS = "systemctl list-units --all --plain --no-legend 'postgresql*'; dpkg-query --show; mount"
CONTAINER_LEFT = (
    f"ls -d {HOME} {contained.AT_BOOT} /run/skytier-rehearsal* 2>/dev/null; "
    "pgrep --full --list-full '(cluster_name=|postgres: )[r]ehearsal|[a]rchive-get'; "
    "mount | grep rehearsal || true"
)
TABLES = """
CREATE TABLE proven (id int PRIMARY KEY, at timestamptz, kept money, more jsonb, "odd |" bytea);
INSERT INTO proven SELECT n, now(), n, jsonb_build_object('n', n), decode('00ff', 'hex')
                     FROM generate_series(1, 1000) AS n;
CREATE TABLE "Odd ""name"" |" (id int);
CREATE TABLE none ();
CREATE UNLOGGED TABLE not_in_backups AS SELECT 1;
CREATE TABLE counted (n bigserial);
"""


@pytest.fixture(scope="module")
def database(three: Cluster) -> Container:
    machine = three.containers["shop-database-1"]
    assert until(lambda: three.wrong() == {} and backups.listing(machine).all, 300)
    sql(machine, TABLES)
    return machine


def mark(machine: Container) -> Marker:
    return rehearsal.mark(machine, datetime.now(UTC), silent)


def prove(three: Cluster, machine: Container, of: Source, marked: Marker, *, beside: bool) -> Proof:
    stack = three.resolved.stack
    return rehearsal.prove(machine, stack, None, of, marked, silent, beside=beside)


def give_backups(database: Container, machine: Container) -> None:
    """As if both reached the same place."""
    shutil.copytree(database.root / REPOSITORY.lstrip("/"), machine.root / REPOSITORY.lstrip("/"))
    machine.run(f"chown --recursive postgres:postgres {BACKUPS}")


@pytest.fixture
def writing(database: Container) -> Iterator[None]:
    """Somebody who changes the database all the time."""
    end = threading.Event()

    def write() -> None:
        while not end.is_set():
            sql(database, "INSERT INTO counted DEFAULT VALUES;" * 200)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for each in writers:
        each.start()
    yield
    end.set()
    for each in writers:
        each.join()


def test_a_copy_is_that_of_the_marker_while_others_write(
    three: Cluster, database: Container, writing: None
) -> None:
    assert until(lambda: sql(database, "SELECT count(*) > 500 FROM counted") == "t", 300)
    of = rehearsal.source(database)
    marked = mark(database)
    assert marked.contents["public.counted"].rows > 500
    assert marked.contents['public.Odd "name" |'].rows == 0
    assert "public.not_in_backups" not in marked.contents
    assert marked.lost_bytes > 0
    assert marked.lost_seconds > 0
    now = int(sql(database, "SELECT count(*) FROM counted"))
    assert until(lambda: int(sql(database, "SELECT count(*) FROM counted")) > now, 300)

    timelines = (
        f"find {REPOSITORY}/archive -mindepth 3 -type d -printf '%f\\n' | cut -c 1-8 | sort -u"
    )
    before = database.run(timelines)
    assert before

    proof = prove(three, database, of, marked, beside=True)

    assert proof.compared.same, proof.compared
    assert proof.tables == len(marked.contents)
    assert proof.rows > 1500
    assert database.run(LEFT) == ""
    assert three.wrong() == {}
    # Nothing of the copy was archived: it would have begun another timeline.
    assert database.run(timelines) == before


def test_another_machine_has_the_copy_and_what_differs_there_is_named(
    three: Cluster, database: Container
) -> None:
    of, marked = rehearsal.source(database), mark(database)
    machine = three.containers["shop-web-3"]
    give_backups(database, machine)
    there = f"cd {BACKUPS} && find -type f -printf '%p %s %T@\\n' | sort"
    before = machine.run(there)
    change = (
        "UPDATE proven SET kept = 0 WHERE id = 7; DELETE FROM counted WHERE n = 1;"
        'DROP TABLE none; CREATE TABLE "new" ()'
    )
    # Only the copy has its socket there.
    machine.run(
        f"cat >{PSQL} && chmod 0755 {PSQL}",
        f"""#!/bin/bash
[[ "$*" != *--host={DATA}*contents.sql* ]] || /usr/bin/psql --host={DATA} skytier -qc '{change}'
exec /usr/bin/psql "$@"
""".encode(),
    )
    proof = prove(three, machine, of, marked, beside=False)
    assert proof.compared.missing == ["public.none"]
    assert proof.compared.surplus == ["public.new"]
    counted, proven = proof.compared.different
    assert (counted.table, proven.table) == ("public.counted", "public.proven")
    assert counted.rows_in_copy == counted.rows - 1
    assert proven.rows_in_copy == proven.rows == 1000
    # The place is only read.
    assert machine.run(there) == before
    machine.run(f"rm -r {BACKUPS} {PSQL}")


@pytest.fixture
def monitor(
    three: Cluster, database: Container, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Container]:
    """A machine whose own services go on."""
    machine = three.containers["shop-web-3"]
    # The root of a machine here lies over another one itself, so there can be none in it.
    monkeypatch.setattr(contained, "HOME", HOME)
    left = replace(contained.LEFT, owned=[HOME, contained.AT_BOOT])
    monkeypatch.setattr(contained, "LEFT", left)
    yield machine
    machine.run(f"rm -rf {BACKUPS} {PSQL}")


def contain(three: Cluster, machine: Container, of: Source, marked: Marker) -> Proof:
    stack = three.resolved.stack
    room = in_container.room(machine, stack, None, of)
    return in_container.prove(machine, stack, None, of, marked, of.backup.version, room, silent)


def test_a_container_has_the_copy_and_nothing_else_of_its_machine(
    three: Cluster, database: Container, monitor: Container
) -> None:
    of, marked = rehearsal.source(database), mark(database)
    give_backups(database, monitor)
    both = f"127.0.0.1/22 {database.address}/22"
    reach = f"for each in {both}; do (exec 3<>/dev/tcp/$each) && echo $each; done"
    hidden = "ls -A /etc/ssh | wc -l"
    others = "ps -e -o comm= | grep -c systemd"
    closed = "grep -c '^proc /proc/sys proc ro' /proc/mounts"
    assert len(monitor.run(reach).split()) == 2
    assert all(int(monitor.run(each)) > 0 for each in (hidden, others))
    # What is seen in the container is told by the name of a table, which only the copy has.
    monitor.run(
        f"cat >{PSQL} && chmod 0755 {PSQL}",
        f"""#!/bin/bash
if [[ "$*" == *contents.sql* ]]; then
    seen="reaches $({reach}) sees $({hidden}) and $({others}) lacks $({closed})"
    /usr/bin/psql --host={DATA} skytier -qc "CREATE TABLE \\"$seen\\" ()"
fi
exec /usr/bin/psql "$@"
""".encode(),
    )
    all_of_it = f"{STANDS}; cd {BACKUPS} && find -type f -printf '%p %s %T@\\n' | sort"
    before = monitor.run(all_of_it)

    proof = contain(three, monitor, of, marked)

    assert proof.compared.missing == []
    assert proof.compared.different == []
    assert proof.compared.surplus == ["public.reaches  sees 0 and 0 lacks 1"]
    assert proof.installed_s
    assert monitor.run(all_of_it) == before
    assert monitor.run(CONTAINER_LEFT) == ""
    assert three.wrong() == {}


def test_a_container_that_is_cut_short_leaves_nothing(
    three: Cluster, database: Container, monitor: Container
) -> None:
    of, marked = rehearsal.source(database), mark(database)
    give_backups(database, monitor)
    # What a machine that was interrupted itself left.
    monitor.run(f"install -d {HOME}/upper/left && touch {contained.AT_BOOT}")
    copied = f"{HOME}/data/{DATA.rpartition('/')[2]}/main/PG_VERSION"
    at_boot: list[str] = []

    def cut() -> None:
        assert until(lambda: monitor.run(f"[ ! -e {copied} ] || echo yes"), 300, every_s=0.05)
        at_boot.append(monitor.run(f"cat {contained.AT_BOOT}"))
        monitor.run("systemctl kill --signal=KILL skytier-rehearsal.service")

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(SkytierError, match="was interrupted"):
        contain(three, monitor, of, marked)
    cutter.join()
    assert until(lambda: not monitor.run(CONTAINER_LEFT), 300)
    # A machine that loses its power runs nothing of this: then it is done when it starts.
    monitor.run(f"install -d {HOME}/upper && cat >{contained.AT_BOOT}", at_boot[0].encode())
    monitor.run(f"systemd-tmpfiles --remove --boot {contained.AT_BOOT}")
    assert monitor.run(CONTAINER_LEFT) == ""


def test_an_archive_that_lacks_the_marker_fails_and_the_monitor_is_told(
    three: Cluster, database: Container
) -> None:
    of, marked = rehearsal.source(database), mark(database)
    newest = f"find {REPOSITORY}/archive -name '0000*-*' | sort | tail -n 1"
    segment = database.run(newest).strip()
    database.run(f"mv {segment} /srv/segment")
    try:
        with pytest.raises(SkytierError, match="before configured recovery target was reached"):
            prove(three, database, of, marked, beside=True)
    finally:
        database.run(f"mv /srv/segment {segment}")
    figures = f"cat {rehearsal.metrics_file()}"
    rehearsal.note_good(database, rehearsal.metrics(marked.at, 12.5, marked.lost_seconds))
    assert "skytier_rehearsal_failed 0" in database.run(figures)
    rehearsal.note_failed(database)
    said = database.run(figures)
    assert "skytier_rehearsal_recovery_seconds 12.5" in said
    assert "skytier_rehearsal_failed 1" in said
    assert "skytier_rehearsal_failed 0" not in said


def test_one_that_is_cut_short_says_so_and_leaves_nothing(
    three: Cluster, database: Container
) -> None:
    of, marked = rehearsal.source(database), mark(database)
    # What a machine that was interrupted itself left.
    database.run(f"install -d {DATA}/main && touch {DATA}/main/left")

    def cut() -> None:
        begun = f"[ ! -e {DATA}/main/PG_VERSION ] || echo yes"
        assert until(lambda: database.run(begun), 120, every_s=0.05)
        database.run("systemctl kill --signal=KILL skytier-rehearsal.service")

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(SkytierError, match="was interrupted"):
        prove(three, database, of, marked, beside=True)
    cutter.join()
    assert until(lambda: not database.run(LEFT), 300)
    assert until(lambda: not database.run("pgrep --full '[s]kytier-rehearsal' || true"), 300)


def test_a_change_that_goes_on_for_long_is_given_way_to(
    database: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRIES", "PAUSE_S"):
        monkeypatch.setattr(f"skytier.services.pgbackrest.rehearsal.{name}", 1)
    lasting = "BEGIN; INSERT INTO counted DEFAULT VALUES; SELECT pg_sleep(300); COMMIT"
    sleeping = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    def last() -> None:
        # It is ended below.
        with suppress(SkytierError):
            sql(database, lasting)

    thread = threading.Thread(target=last)
    thread.start()
    assert until(lambda: sql(database, f"SELECT count(*) {sleeping}") == "1", 300)
    try:
        with pytest.raises(SkytierError, match="there was always somebody who changes it"):
            mark(database)
    finally:
        sql(database, f"SELECT pg_terminate_backend(pid) {sleeping}")
        thread.join()

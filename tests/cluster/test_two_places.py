"""Backups of a database in two places, and one of them away."""

from collections.abc import Iterator

import pytest

from skytier.deploy import backups
from skytier.deploy.restore import intend, restore
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.pgbackrest.config import HOMES, STATE
from skytier.services.pgbackrest.info import gaps
from skytier.stackfile.backup import FIRST, SECOND
from tests.cluster.asked import silent, sql
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import BACKUPS, STACK
from tests.cluster.container import Container

ELSEWHERE = "/srv/elsewhere"
BOTH = (FIRST, SECOND)
PLACES = {FIRST: f"{BACKUPS}/shop", SECOND: f"{ELSEWHERE}/shop"}
CONF = HOMES[SECOND].conf
FIGURES = (
    "/usr/local/lib/skytier/backup-metrics; "
    "cat /var/lib/prometheus/node-exporter/skytier-backup.prom"
)
WAITS = "ls /var/lib/postgresql/*/main/pg_wal/archive_status | grep ready || true"


@pytest.fixture(scope="module")
def database(three: Cluster) -> Iterator[Container]:
    """The machine, with its first backup in each place."""
    # Others' tests leave holes in what the first place has. It begins anew.
    three.containers["shop-database-1"].run(f"rm -rf {PLACES[FIRST]}")
    three.write(
        STACK.replace(
            f'path = "{BACKUPS}"',
            f'path = "{BACKUPS}", second = {{kind = "path", path = "{ELSEWHERE}"}}',
        )
    )
    three.up()
    machine = three.containers["shop-database-1"]
    assert until(lambda: all(each.all for each in backups.everywhere(machine, BOTH)), 120)
    assert until(lambda: three.wrong() == {}, 120)
    sql(machine, "CREATE TABLE twice (mark text)")
    yield machine
    sql(machine, "DROP TABLE twice")


def written(machine: Container, text: str) -> str:
    """Writes something down, and returns the segment of the log that has it, which is complete."""
    sql(machine, f"INSERT INTO twice VALUES ('{text}')")
    segment = sql(machine, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    sql(machine, "SELECT pg_switch_wal()")
    return segment


def marks(machine: Container) -> list[str]:
    return sql(machine, "SELECT mark FROM twice").split()


def segments(machine: Container, place: str) -> list[str]:
    found = machine.run(f"find {PLACES[place]}/archive -type f -printf '%P\\n'").splitlines()
    return [each.removeprefix("main/") for each in found]


def has(machine: Container, place: str, segment: str) -> bool:
    return any(f"/{segment}-" in each for each in segments(machine, place))


def figure(machine: Container, name: str, place: str) -> int:
    label = f'skytier_backup_{name}{{place="{place}"}} '
    lines = machine.run(FIGURES).splitlines()
    return int(next(each for each in lines if each.startswith(label)).removeprefix(label))


def test_backups_and_changes_are_in_each_place(three: Cluster, database: Container) -> None:
    segment = written(database, "both")
    for place in BOTH:
        assert until(lambda place=place: has(database, place, segment), 120)
    backups.make(database, "diff", silent)
    for there in backups.everywhere(database, BOTH):
        assert [each.kind for each in there.all][-1] == "diff"
        assert figure(database, "failed", there.place) == 0
    found = backups.verify(database, silent, BOTH)
    assert not found.wrong
    assert figure(database, "verified_timestamp_seconds", SECOND) > 0
    assert three.wrong() == {}


def test_a_place_that_is_away_keeps_nothing_from_the_other_and_fills_no_disk(
    three: Cluster, database: Container
) -> None:
    database.run(f"mv {PLACES[SECOND]} /srv/away")
    while_away = [written(database, f"away-{number}") for number in range(3)]
    for segment in while_away:
        assert until(lambda segment=segment: has(database, FIRST, segment), 120)
    # PostgreSQL keeps them for the second place.
    assert while_away[0] in database.run(WAITS)
    assert until(lambda: figure(database, "archive_waiting_seconds", SECOND) > 0, 60)
    assert figure(database, "archive_waiting_seconds", FIRST) == 0
    # So `down` counts the backups of the first place alone.
    assert until(lambda: not backups.arrive(database, SECOND, among=BOTH), 120, every_s=1)
    assert until(lambda: backups.arrive(database, FIRST, among=BOTH), 120, every_s=1)

    # More than its queue holds is dropped there, and there alone.
    database.run(f"sed --in-place=.before 's/queue-max=.*/queue-max=1MiB/' {CONF}")

    def dropped() -> bool:
        # PostgreSQL tries again when there is something new.
        while_away.append(written(database, "dropped"))
        is_kept = while_away[0] in database.run(WAITS)
        return figure(database, "dropped", SECOND) == 1 and not is_kept

    assert until(dropped, 180, every_s=3)
    assert until(lambda: all(has(database, FIRST, each) for each in while_away), 120, every_s=1)
    assert figure(database, "dropped", FIRST) == 0
    assert gaps(segments(database, FIRST)) == []
    said = three.wrong()["shop-database-1 backup"]
    assert f"More changes waited for the directory {ELSEWHERE}" in said

    database.run(f"mv /srv/away {PLACES[SECOND]}; mv {CONF}.before {CONF}")
    assert not has(database, SECOND, while_away[0])
    backups.make(database, "diff", silent)
    assert figure(database, "dropped", SECOND) == 0
    assert three.wrong() == {}
    assert until(lambda: backups.arrive(database, SECOND, among=BOTH), 120, every_s=1)
    # What was dropped stays missing there.
    found = backups.verify(database, silent, BOTH)
    assert found.wrong
    first, _, second = found.text.partition("The second place:")
    assert "lacks" in second
    assert "lacks" not in first


def test_the_second_place_is_restored_while_the_first_is_away(
    three: Cluster, database: Container
) -> None:
    until_now = marks(database)
    between = backups.now(database).isoformat()
    sql(database, "DELETE FROM twice")
    assert intend(database, between, places=BOTH).target.place == FIRST
    database.run(f"mv {PLACES[FIRST]} /srv/away")
    intended = intend(database, between, places=BOTH)
    assert intended.target.place == SECOND
    # The place that is away knows one more timeline than this one.
    timeline = "SELECT timeline_id FROM pg_control_checkpoint()"
    now = int(sql(database, timeline))
    database.run(f"mkdir -p {STATE}/histories; echo known >{STATE}/histories/{now + 1:08X}.history")

    with pytest.raises(SkytierError, match="The backup after it failed"):
        restore(database, intended, silent)

    assert marks(database) == until_now
    assert int(sql(database, timeline)) == now + 2
    database.run(f"mv /srv/away {PLACES[FIRST]}")
    backups.make(database, "diff", silent)
    assert until(lambda: three.wrong() == {}, 120)
    assert intend(database, "latest", places=BOTH).target.place == FIRST


def test_with_one_place_again_nothing_of_the_second_is_on_the_machine(
    three: Cluster, database: Container
) -> None:
    # A backup is being made meanwhile, as it were: it holds this lock.
    lock = "/tmp/pgbackrest/main-backup.lock"
    database.run(f"systemd-run --quiet --collect --uid=postgres flock {lock} sleep 20; sleep 1")
    database.run(f"! flock --nonblock {lock} true")
    three.write(STACK)
    three.up()
    assert three.wrong() == {}
    assert (
        database.run(f"ls -d /etc/pgbackrest/second {HOMES[SECOND].spool} 2>/dev/null || true")
        == ""
    )
    segment = written(database, "one")
    assert until(lambda: has(database, FIRST, segment), 120)
    assert not has(database, SECOND, segment)

"""Several members of the database, fault after fault: nothing that was acknowledged is lost."""

import re
import shlex
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from skytier import roles
from skytier.deploy import backups
from skytier.deploy.checks import wait_until_well
from skytier.deploy.files import read_secrets
from skytier.deploy.keeper import keeper
from skytier.errors import SkytierError
from skytier.openstack.commands import rotation
from skytier.openstack.commands.minor_upgrade import carry_out
from skytier.poll import until
from skytier.services.patroni import behind, pause
from skytier.services.patroni.lease import Lease, end, heirs, lease
from skytier.services.patroni.look import look
from skytier.services.patroni.minor_upgrade import turns
from skytier.services.patroni.software import upstream
from skytier.services.pgbackrest.config import SECRETS_CONF, STATE
from skytier.services.postgresql.secrets import NEXT, PASSWORD
from tests.cluster.asked import silent
from tests.cluster.cluster import Cluster, Events, changed, cluster
from tests.cluster.container import SHARED, Base, Container
from tests.cluster.members import (
    FIRST,
    PATRONICTL,
    PROJECT,
    PSQL,
    SECOND,
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
    stack,
    well,
    write_anew,
)
from tests.cluster.newer import NAMES as NEWER
from tests.cluster.newer import offer_newer

REPOSITORY = f"{SHARED}/backups/shop"
CREDENTIAL = "/etc/skytier/credentials/skytier_database_url"
FIGURES = "/var/lib/prometheus/node-exporter/skytier-backup.prom"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        (directory / name).write_text(text)
    return str(directory)


@pytest.fixture(scope="module")
def made(project: str, base: Base) -> Iterator[Cluster]:
    """A stack with one database, to which clients write from then on."""
    with cluster(stack(project, 1), base=base) as made:
        begin_to_write(made)
        yield made


def test_one_becomes_two_while_clients_write(made: Cluster, project: str) -> None:
    before = made.secrets["database_password"]
    assert until(lambda: backups.listing(made.containers[FIRST]).all, 300)
    made_before = backups.listing(made.containers[FIRST]).newest.name

    made.write(stack(project, 2))
    made.up()

    goes_on(made)
    well(made)
    assert members(made) == {FIRST: "Leader", SECOND: "Sync Standby"}
    assert changed(made.plan()) == []
    assert lost(made) == set()
    # The same database goes on in the same repository.
    assert made_before in {each.name for each in backups.listing(keeper(databases(made))).all}
    other = made.containers[SECOND].run("cat /etc/skytier/secrets/database_password")
    assert other == before
    for port, recovers in (("6432", "f"), ("6433", "t")):
        url = made.containers[WEB].run(f"cat {CREDENTIAL}").strip()
        asked = url.replace("6432", port)
        said = made.containers[WEB].run(f"psql '{asked}' -Atc 'SELECT pg_is_in_recovery()'")
        assert said.strip() == recovers
    a_pause_is_told_at_once(made)
    well(made)


def a_pause_is_told_at_once(made: Cluster) -> None:
    """Also by `up`, which does not wait for its end, with the command that ends it."""
    second, topology = made.containers[SECOND], made.topology()
    [machine] = [each for each in topology.machines if each.name == SECOND]
    metrics = (
        "import ssl, urllib.request; print(urllib.request.urlopen("
        f"'https://{machine.address}:8008/metrics', context=ssl._create_unverified_context()"
        ").read().decode())"
    )
    assert not pause.read(second.run(pause.QUESTION))
    second.run(f"{PATRONICTL} pause --wait shop")
    assert "Patroni is paused" in made.wrong()[f"{SECOND} patroni"]
    assert pause.read(second.run(pause.QUESTION))
    assert look(databases(made)).paused
    assert re.search("^patroni_is_paused{.*} 1$", second.run(f'python3 -c "{metrics}"'), re.M)
    with pytest.raises(SkytierError, match="Patroni is paused") as error:
        wait_until_well(second, roles.setup(topology, machine).checks, lambda text: None)
    second.run((error.value.do or "").split("'")[1])
    assert until(lambda: not look(databases(made)).paused, 60)


def kill_postgresql(made: Cluster, machine: Container) -> None:
    machine.run("kill -9 $(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)")


def kill_agent(made: Cluster, machine: Container) -> None:
    """PostgreSQL does not outlive it."""
    script = "pid=$(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)\n"
    script += "systemctl kill --kill-who=main --signal=KILL skytier-patroni\n"
    machine.run(f"{script}for i in {{1..600}}; do kill -0 $pid || exit 0; sleep 0.1; done; exit 1")


def kill_both(made: Cluster, machine: Container) -> None:
    agent = "$(systemctl show --property=MainPID --value skytier-patroni)"
    machine.run(f"kill -9 {agent} $(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)")


def stop_agent(made: Cluster, machine: Container) -> None:
    """Killed, and never started again: the other one takes over, and this one is no primary."""
    unit = "/run/systemd/system/skytier-patroni.service.d"
    machine.run(f"mkdir -p {unit}; printf '[Service]\\nRestart=no\\n' >{unit}/no.conf")
    machine.run("systemctl daemon-reload")
    kill_agent(made, machine)
    goes_on(made)
    assert machine.name not in [name for name, role in members(made).items() if role == "Leader"]
    machine.run(f"rm -r {unit}; systemctl daemon-reload; systemctl start skytier-patroni")


def cut_the_network(made: Cluster, machine: Container) -> None:
    made.network.cut(machine)
    goes_on(made)
    machine.wait_for(f"[ \"$({PSQL} --command='SELECT pg_is_in_recovery()')\" != f ]")
    made.network.cut(machine, mended=True)


def power_off(made: Cluster, machine: Container) -> None:
    machine.kill()
    goes_on(made)
    made.servers.start(machine.name)
    machine.wait()


def power_off_fenced(made: Cluster, machine: Container) -> None:
    """The machine is off, which is the fence: nobody waits for its lease."""
    machine.kill()
    [other] = databases(made).values()
    # Asked once: it ends by itself soon, and each question takes its time with a voter away.
    held = lease(other)
    assert held == Lease(machine.name, [other.name], paused=False)
    assert heirs(held, look(databases(made))) == [other.name]

    assert end(other, machine.name)

    assert not end(other, machine.name)
    assert primary(made) is other
    goes_on(made)
    made.servers.start(machine.name)
    machine.wait()


def stop_a_voter(made: Cluster, machine: Container) -> None:
    made.containers[WEB].run("systemctl stop etcd")
    goes_on(made)
    made.containers[WEB].run("systemctl start etcd")


def switch_over(made: Cluster, machine: Container) -> None:
    machine.run(f"{PATRONICTL} switchover shop --force")
    assert primary(made).name != machine.name


LARGE = pytest.mark.large
FAULTS = (
    kill_postgresql,
    kill_agent,
    pytest.param(kill_both, marks=LARGE),
    pytest.param(stop_agent, marks=LARGE),
    cut_the_network,
    pytest.param(power_off, marks=LARGE),
    power_off_fenced,
    pytest.param(stop_a_voter, marks=LARGE),
    switch_over,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: getattr(fault, "__name__", None))
def test_nothing_is_lost(made: Cluster, fault: Callable[[Cluster, Container], None]) -> None:
    fault(made, primary(made))

    goes_on(made)
    well(made)
    assert lost(made) == set()


def test_where_memory_runs_out_it_is_a_query_that_ends(made: Cluster) -> None:
    member = primary(made)
    first = "$(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)"
    # No container may protect a process.
    told = member.run(f"tr '\\0' '\\n' </proc/{first}/environ")
    assert "PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj" in told.splitlines()
    own = "SELECT pg_read_file('/proc/self/oom_score_adj')"
    said = member.run(f'cd / && runuser -u postgres -- psql -XAtc "{own}"')
    assert said.split() == ["0"]


def test_all_members_have_a_new_password_though_another_one_becomes_the_primary_meanwhile(
    made: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, former = made.containers[WEB], primary(made)
    before, set_up = web.run(f"cat {CREDENTIAL}").strip(), rotation.Moves.reconcile
    reads = shlex.join(["psql", before.replace("6432", "6433"), "-Atc", "SELECT pg_sleep(3600)"])
    reading = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sl'"

    def switched(self: rotation.Moves, *given: Any) -> Any:
        switch_over(made, former)
        well(made)
        # Somebody reads from a replica with the former password, and does not end.
        web.run(f"systemd-run --quiet --unit=reader {reads}")
        assert until(lambda: sql(former, reading) == "1", 300)
        return set_up(self, *given)

    monkeypatch.setattr(rotation.Moves, "reconcile", switched)
    assert made.rotate()

    assert sql(former, reading) == "0"
    goes_on(made)
    well(made)
    after = web.run(f"cat {CREDENTIAL}").strip()
    logs_in = "PGCONNECT_TIMEOUT=60 psql -Atc 'SELECT 1' '{}' 2>&1 || true"
    for port in ("6432", "6433"):
        assert web.run(logs_in.format(after.replace("6432", port))).strip() == "1"
        assert "FATAL" in web.run(logs_in.format(before.replace("6432", port)))
    kept = [read_secrets(each) for each in databases(made).values()]
    assert len({each[PASSWORD] for each in kept}) == 1
    assert not [each for each in kept if NEXT in each]
    assert changed(made.plan()) == []
    assert lost(made) == set()


def test_nothing_is_missing_in_the_archive_after_a_switchover(made: Cluster) -> None:
    """Also what the former primary could not archive."""
    former = primary(made)
    # A replica takes it for archived.
    former.run(f"mv {SECRETS_CONF} {SECRETS_CONF}.away")
    waits = []
    for _ in range(2):
        sql(former, "SELECT pg_current_xact_id()")
        waits.append(sql(former, "SELECT pg_walfile_name(pg_switch_wal())"))
    switch_over(made, former)
    former.run(f"mv {SECRETS_CONF}.away {SECRETS_CONF}")
    goes_on(made)
    well(made)

    now = keeper(databases(made))
    assert now is primary(made)
    assert now is not former
    now.run("systemctl start skytier-backup-metrics")
    segments = f"find {REPOSITORY} -name '{waits[0]}-*' -o -name '{waits[1]}-*'"
    assert until(lambda: len(now.run(segments).split()) == 2, 300)
    assert not backups.verify(now, silent).wrong

    # Whoever is no primary makes no backup and tells of none.
    there = backups.listing(now)
    former.run("systemctl start skytier-backup@scheduled skytier-backup-metrics")
    assert backups.listing(now) == there
    assert "completed" in now.run(f"cat {FIGURES}")
    assert former.run(f"ls {FIGURES} 2>/dev/null || true") == ""


def test_a_newer_minor_version_goes_through_the_members_with_one_switchover(made: Cluster) -> None:
    hosts, former = databases(made), primary(made)
    (replica,) = (each for each in hosts.values() if each is not former)
    newest = offer_newer(hosts.values())
    # As the daily updates do: what runs goes on.
    begun = sql(replica, "SELECT pg_postmaster_start_time()")
    replica.run(f"apt-get -qq update; apt-get -qq --only-upgrade install {' '.join(NEWER)}")
    former.run("apt-get -qq update")
    assert sql(replica, "SELECT pg_postmaster_start_time()") == begun
    before = look(hosts)
    waits = [each.software.waits for each in before.members if each.software]
    assert sorted(waits) == [False, True]

    events: Any = Events()
    done = carry_out(hosts, events, count=2, synchronous=True)

    goes_on(made)
    well(made)
    assert lost(made) == set()
    seen = [f"{step.key}" for what, step in events.seen if what == "done"]
    assert seen == [
        f"upgrade {replica.name}",
        f"switchover {former.name}",
        f"upgrade {former.name}",
    ]
    assert done.version == upstream(newest)
    after = look(hosts)
    assert [each.machine for each in after.primaries] == [replica.name]
    timelines = [found.primaries[0].timeline or 0 for found in (before, after)]
    assert timelines[1] == timelines[0] + 1
    assert turns(after) == []
    for machine in hosts.values():
        assert newest in sql(machine, "SHOW server_version")


def test_the_database_of_all_members_is_restored_to_a_moment(made: Cluster) -> None:
    """On a timeline that has no backup: it began with the switchover above."""
    between = marked(made)

    restored(made, between)

    well(made)
    for machine in databases(made).values():
        assert until(lambda: sql(machine, "SELECT mark FROM marks") == "before", 300)  # noqa: B023
    write_anew(made)
    goes_on(made)
    assert lost(made) == set()
    assert not backups.verify(keeper(databases(made)), silent).wrong


@LARGE
def test_a_member_that_was_away_during_a_restore_gets_what_was_restored(made: Cluster) -> None:
    away = next(each for each in databases(made).values() if each is not primary(made))
    between = marked(made)
    assert until(lambda: sql(away, "SELECT count(*) FROM marks") == "2", 300)
    away.kill()

    restored(made, between)
    made.servers.start(away.name)
    away.wait()

    well(made)
    assert sql(away, "SELECT mark FROM marks") == "before"
    write_anew(made)


@LARGE
@pytest.mark.parametrize("word", ["stopping|copying", "replaying", "giving"])
def test_a_restore_goes_on_after_a_power_cut(made: Cluster, word: str) -> None:
    machine, between = primary(made), marked(made)

    def cut() -> None:
        begun = f"grep -E '{word}' {STATE}/restore 2>/dev/null || true"
        assert until(lambda: machine.run(begun), 120, every_s=0.05)
        machine.kill()

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(AssertionError, match="does not run"):
        restored(made, between)
    cutter.join()
    made.servers.start(machine.name)
    machine.wait()
    assert "A restore of the database was interrupted" in made.wrong()[f"{machine.name} backup"]
    restored(made, between)

    well(made)
    for each in databases(made).values():
        assert until(lambda: sql(each, "SELECT mark FROM marks") == "before", 300)  # noqa: B023
    write_anew(made)


@LARGE
def test_all_members_are_lost_and_the_database_comes_back(made: Cluster) -> None:
    marked(made)
    written = sql(primary(made), "SELECT pg_walfile_name(pg_switch_wal())")
    there = f"find {REPOSITORY} -name '{written}-*'"
    assert until(lambda: primary(made).run(there), 120)
    for name, machine in databases(made).items():
        machine.kill()
        made.servers.lose(name)

    with pytest.raises(SkytierError, match="are of another database"):
        made.up()
    restored(made, "latest")
    made.up()

    well(made)
    marks, both = "SELECT mark FROM marks", ["before", "after"]
    for each in databases(made).values():
        assert until(lambda: sql(each, marks).split() == both, 300)  # noqa: B023
    write_anew(made)
    goes_on(made)


@LARGE
def test_a_lost_machine_is_made_anew(made: Cluster) -> None:
    """The first one, which the stack's secrets are read from."""
    before = made.secrets
    if primary(made).name != FIRST:
        switch_over(made, primary(made))
    goes_on(made)
    gone = made.containers[FIRST]
    gone.kill()
    made.servers.lose(FIRST)
    goes_on(made)

    made.up()

    well(made)
    assert lost(made) == set()
    assert made.secrets == before
    assert made.containers[FIRST] is not gone


@LARGE
def test_a_member_that_was_away_too_long_is_cloned(made: Cluster) -> None:
    """By the script that `up` runs there before it does the set-up again."""
    now = primary(made)
    [away] = [each for each in databases(made).values() if each is not now]
    assert not behind.read(away.run(behind.QUESTION))
    sql(now, "ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
    sql(now, "ALTER SYSTEM SET wal_keep_size = '16MB'")
    sql(now, "SELECT pg_reload_conf()")
    away.stop()
    goes_on(made)
    for _ in range(6):
        sql(now, "SELECT pg_switch_wal()")
        sql(now, "CHECKPOINT")
    away.start()
    away.wait()

    assert until(lambda: behind.read(away.run(behind.QUESTION)), 300, every_s=1), members(made)
    away.run(behind.clone("shop", away.name))
    well(made)
    assert not behind.read(away.run(behind.QUESTION))
    for each in ("max_slot_wal_keep_size", "wal_keep_size"):
        sql(now, f"ALTER SYSTEM RESET {each}")
    sql(now, "SELECT pg_reload_conf()")
    goes_on(made)
    assert lost(made) == set()


@LARGE
def test_two_become_three_and_then_one(made: Cluster, project: str) -> None:
    made.write(stack(project, 3))
    made.up()
    goes_on(made)
    well(made)
    assert sorted(members(made).values()) == ["Leader", "Replica", "Sync Standby"]
    assert lost(made) == set()

    made.write(stack(project, 1))
    made.up()

    goes_on(made)
    assert made.wrong() == {}
    assert lost(made) == set()
    assert sorted(made.containers) == [FIRST, WEB]
    assert not backups.verify(made.containers[FIRST], silent).wrong
    written = sql(made.containers[FIRST], "SELECT pg_walfile_name(pg_switch_wal())")
    there = f"find {REPOSITORY} -name '{written}-*'"
    assert until(lambda: made.containers[FIRST].run(there), 120)
    units = "/etc/systemd/system/skytier-patroni.service.d"
    places = f"/etc/skytier/patroni /etc/skytier/etcd /opt/skytier-patroni {units}"
    left = f"ls -d {places} 2>/dev/null || true"
    assert made.containers[FIRST].run(left) == ""
    slots = f"{PSQL} --command='SELECT count(*) FROM pg_replication_slots'"
    assert made.containers[FIRST].run(slots).strip() == "0"
    assert changed(made.plan()) == []


@LARGE
def test_a_replica_reads_the_files_for_backups_in_two_places(made: Cluster, project: str) -> None:
    more = f', from_replica = true, second = {{kind = "path", path = "{SHARED}/elsewhere"}}'
    made.write(stack(project, 2, more))
    made.up()
    goes_on(made)
    well(made)
    now, places = keeper(databases(made)), ("first", "second")
    assert until(lambda: all(each.all for each in backups.everywhere(now, places)), 120)
    began = now.run("date +%s").strip()
    backups.make(now, "diff", silent)
    journal = f"journalctl --unit='skytier-backup@*' --since=@{began} --output=cat --no-pager"
    said = now.run(journal)
    assert said.count("wait for replay on the standby") == 2
    assert "made from the primary" not in said

    other = next(each for each in databases(made).values() if each is not now)
    other.run("systemctl stop skytier-backup-server")
    assert "skytier-backup-server does not run" in made.wrong()[f"{other.name} backup"]
    backups.make(now, "diff", silent)
    assert "made from the primary" in now.run(journal)
    other.run("systemctl start skytier-backup-server")

    # Its successor knows both places.
    switch_over(made, now)
    goes_on(made)
    well(made)
    other.run("systemctl start skytier-backup-metrics")
    assert other.run(f"cat {FIGURES}").count("completed_timestamp_seconds{place=") == 2
    assert not backups.verify(other, silent, places).wrong
    assert lost(made) == set()

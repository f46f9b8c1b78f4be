"""Several members of the database, fault after fault: nothing that was acknowledged is lost."""

from collections.abc import Callable, Iterator

import pytest

from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import Container
from tests.cluster.members import (
    FIRST,
    PATRONICTL,
    PROJECT,
    PSQL,
    SECOND,
    WEB,
    WRITERS,
    goes_on,
    lost,
    members,
    primary,
    stack,
    well,
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        (directory / name).write_text(text)
    return str(directory)


@pytest.fixture(scope="module")
def made(project: str) -> Iterator[Cluster]:
    """A stack with one database, to which clients write from then on."""
    with cluster(stack(project, 1)) as made:
        table = (
            "CREATE TABLE numbers (number bigint PRIMARY KEY); ALTER TABLE numbers OWNER TO skytier"
        )
        made.containers[FIRST].run(f"{PSQL} --command='{table}'")
        web = made.containers[WEB]
        web.put("/root/writers.py", WRITERS, 0o600)
        web.run("systemd-run --quiet --unit=writers python3 /root/writers.py")
        goes_on(made)
        yield made


def test_one_becomes_two_while_clients_write(made: Cluster, project: str) -> None:
    before = made.secrets["database_password"]

    made.write(stack(project, 2))
    made.up()

    goes_on(made)
    well(made)
    assert members(made) == {FIRST: "Leader", SECOND: "Sync Standby"}
    assert changed(made.plan()) == []
    assert lost(made) == set()
    other = made.containers[SECOND].run("cat /etc/skytier/secrets/database_password")
    assert other == before
    for port, recovers in (("6432", "f"), ("6433", "t")):
        url = made.containers[WEB].run("cat /etc/skytier/credentials/skytier_database_url").strip()
        asked = url.replace("6432", port)
        said = made.containers[WEB].run(f"psql '{asked}' -Atc 'SELECT pg_is_in_recovery()'")
        assert said.strip() == recovers


def kill_postgresql(made: Cluster, machine: Container) -> None:
    machine.run("kill -9 $(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)")


def kill_agent(made: Cluster, machine: Container) -> None:
    """PostgreSQL does not outlive it."""
    script = "pid=$(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)\n"
    script += "systemctl kill --kill-who=main --signal=KILL skytier-patroni\n"
    machine.run(f"{script}for i in {{1..100}}; do kill -0 $pid || exit 0; sleep 0.1; done; exit 1")


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
    power_off,
    pytest.param(stop_a_voter, marks=LARGE),
    switch_over,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: getattr(fault, "__name__", None))
def test_nothing_is_lost(made: Cluster, fault: Callable[[Cluster, Container], None]) -> None:
    fault(made, primary(made))

    goes_on(made)
    well(made)
    assert lost(made) == set()


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
    left = "ls -d /etc/skytier/patroni /etc/skytier/etcd /opt/skytier-patroni 2>/dev/null || true"
    assert made.containers[FIRST].run(left) == ""
    slots = f"{PSQL} --command='SELECT count(*) FROM pg_replication_slots'"
    assert made.containers[FIRST].run(slots).strip() == "0"
    assert changed(made.plan()) == []

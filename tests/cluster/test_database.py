"""Several members of the database, fault after fault: nothing that was acknowledged is lost."""

import json
from collections.abc import Callable, Iterator

import pytest

from skytier.errors import SkytierError
from skytier.poll import until
from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import Container

PROJECT = {
    "requirements.txt": "",
    "shop.py": """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
""",
}
# Each of four clients inserts numbers, one at a time, at the address that the application has, and
# notes those that the database acknowledged. No number is tried twice.
WRITERS = """
import itertools, pathlib, psycopg2, threading, time

def write(first):
    connection = None
    with open(f"/root/acknowledged-{first}", "a", buffering=1) as acknowledged:
        for number in itertools.count(first + int(time.time()) % 10**7 * 10000, 4):
            try:
                if connection is None:
                    url = pathlib.Path(CREDENTIAL).read_text().strip()
                    connection = psycopg2.connect(url, connect_timeout=3, tcp_user_timeout=3000)
                    connection.autocommit = True
                connection.cursor().execute("INSERT INTO numbers VALUES (%s)", (number,))
                acknowledged.write(f"{number}\\n")
            except (psycopg2.Error, OSError):
                connection = None
            time.sleep(0.02)

CREDENTIAL = "/etc/skytier/credentials/skytier_database_url"
for first in range(4):
    threading.Thread(target=write, args=[first]).start()
"""
PSQL = "runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align --dbname=skytier"
FIRST, SECOND, WEB = "shop-database-1", "shop-database-2", "shop-web-1"
PATRONICTL = "/usr/local/bin/patronictl -c /etc/skytier/patroni/patroni.yml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        (directory / name).write_text(text)
    return str(directory)


def stack(project: str, members: int) -> str:
    return f"""\
database.members = {members}
monitor.enabled = false
[application]
source = {json.dumps(project)}
serve = "shop:application"
interface = "wsgi"
"""


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


def acknowledged(made: Cluster) -> set[int]:
    return {
        int(line) for line in made.containers[WEB].run("cat /root/acknowledged-* || true").split()
    }


def goes_on(made: Cluster) -> None:
    """Wait until the clients' writes are acknowledged again."""
    before = len(acknowledged(made))
    assert until(lambda: len(acknowledged(made)) > before + 20, 120, every_s=0.5), state(made)


def well(made: Cluster) -> None:
    """Wait until all is as it should be, without help."""
    wrong: dict[str, str] = {}

    def asked() -> bool:
        wrong.clear()
        wrong.update(made.wrong())
        there = members(made)
        every = len(there) == made.resolved.stack.database.members
        # Until one has all that was written, nobody could take over.
        return not wrong and every and "Sync Standby" in there.values()

    assert until(asked, 180, every_s=1), (wrong, state(made))


def members(made: Cluster) -> dict[str, str]:
    """Which members are well: name to role."""
    for name in made.containers:
        try:
            if "database" in name:
                said = made.containers[name].run(f"{PATRONICTL} list --format json")
                return {
                    each["Member"]: each["Role"]
                    for each in json.loads(said)
                    if each["State"] == ("running" if each["Role"] == "Leader" else "streaming")
                }
        except (SkytierError, AssertionError, IndexError, FileNotFoundError):
            continue
    return {}


def state(made: Cluster) -> str:
    said = []
    for name, machine in made.containers.items():
        if "database" in name and machine.process:
            said += [
                name,
                machine.run(f"{PATRONICTL} list || true; journalctl -n 15 -u skytier-patroni"),
            ]
    return "\n".join(said)


def primary(made: Cluster) -> Container:
    found: list[str] = []

    def asked() -> bool:
        found[:] = [name for name, role in members(made).items() if role == "Leader"]
        return bool(found)

    assert until(asked, 120, every_s=0.5), state(made)
    return made.containers[found[0]]


def lost(made: Cluster) -> set[int]:
    """The acknowledged numbers that the primary does not have."""
    made.containers[WEB].run("systemctl stop writers")
    found = primary_of_any(made).run(f"{PSQL} --command='SELECT number FROM numbers'")
    there = {int(line) for line in found.split()}
    missing = acknowledged(made) - there
    made.containers[WEB].run("systemd-run --quiet --unit=writers python3 /root/writers.py")
    return missing


def primary_of_any(made: Cluster) -> Container:
    return primary(made) if made.resolved.stack.database.members > 1 else made.containers[FIRST]


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

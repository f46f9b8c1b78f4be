"""Several members of a database in containers: their stack, its clients, and how they are."""

import json
import shlex

from skytier.deploy import backups
from skytier.deploy.keeper import keeper
from skytier.deploy.restore import intend, restore
from skytier.errors import SkytierError
from skytier.poll import until
from tests.cluster.asked import silent
from tests.cluster.cluster import Cluster
from tests.cluster.container import SHARED, Container

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
_WRITE = "systemd-run --quiet --unit=writers python3 /root/writers.py"
PSQL = "runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align --dbname=skytier"
FIRST, SECOND, WEB = "shop-database-1", "shop-database-2", "shop-web-1"
PATRONICTL = "/usr/local/bin/patronictl -c /etc/skytier/patroni/patroni.yml"


def stack(project: str, members: int, backup: str = "") -> str:
    """`backup` is what its section has besides the place, with a comma before it."""
    return f"""\
database.members = {members}
monitor.enabled = false
backup = {{kind = "path", path = "{SHARED}/backups"{backup}}}
[application]
source = {json.dumps(project)}
serve = "shop:application"
interface = "wsgi"
"""


def databases(made: Cluster) -> dict[str, Container]:
    """The members' machines that run, by their names."""
    there = made.containers.items()
    return {name: each for name, each in there if "database" in name and each.process}


def sql(machine: Container, statement: str) -> str:
    return machine.run(f"cd /; {PSQL} --command={shlex.quote(statement)}").strip()


def acknowledged(made: Cluster) -> set[int]:
    return {
        int(line) for line in made.containers[WEB].run("cat /root/acknowledged-* || true").split()
    }


def begin_to_write(made: Cluster) -> None:
    """Clients on the web server write from now on."""
    table = "CREATE TABLE numbers (number bigint PRIMARY KEY); ALTER TABLE numbers OWNER TO skytier"
    sql(primary_of_any(made), table)
    web = made.containers[WEB]
    web.put("/root/writers.py", WRITERS, 0o600)
    web.run(_WRITE)
    goes_on(made)


def goes_on(made: Cluster) -> None:
    """Wait until the clients' writes are acknowledged again."""
    before = len(acknowledged(made))
    assert until(lambda: len(acknowledged(made)) > before + 20, 300, every_s=0.5), state(made)


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

    assert until(asked, 300, every_s=1), (wrong, state(made))


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

    assert until(asked, 300, every_s=0.5), state(made)
    return made.containers[found[0]]


def lost(made: Cluster) -> set[int]:
    """The acknowledged numbers that the primary does not have."""
    made.containers[WEB].run("systemctl stop writers")
    found = primary_of_any(made).run(f"{PSQL} --command='SELECT number FROM numbers'")
    there = {int(line) for line in found.split()}
    missing = acknowledged(made) - there
    made.containers[WEB].run(_WRITE)
    return missing


def primary_of_any(made: Cluster) -> Container:
    return primary(made) if made.resolved.stack.database.members > 1 else made.containers[FIRST]


def marked(made: Cluster) -> str:
    """A moment between two changes, while no client writes."""
    made.containers[WEB].run("systemctl stop writers")
    machine = primary(made)
    sql(machine, "DROP TABLE IF EXISTS marks")
    sql(machine, "CREATE TABLE marks AS SELECT 'before' AS mark")
    between = backups.now(machine).isoformat()
    sql(machine, "INSERT INTO marks VALUES ('after')")
    return between


def restored(made: Cluster, to: str) -> None:
    machine = keeper(databases(made))
    restore(machine, intend(machine, to), silent)


def write_anew(made: Cluster) -> None:
    """The clients write again; what was acknowledged after the moment is gone, as it should be."""
    made.containers[WEB].run("rm -f /root/acknowledged-*")
    made.containers[WEB].run(_WRITE)

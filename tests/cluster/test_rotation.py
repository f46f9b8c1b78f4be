"""A new password of the database of three web servers, while visitors read and write."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skytier.deploy.files import read_secrets
from skytier.errors import SkytierError
from skytier.openstack.commands import psql, rotation
from skytier.poll import until
from skytier.services.postgresql import rotation as rotating
from skytier.services.postgresql.login import Login
from skytier.services.postgresql.secrets import NEXT, PASSWORD
from tests.cluster.cluster import Cluster, changed
from tests.cluster.conftest import STACK
from tests.cluster.container import Container
from tests.cluster.test_update import web
from tests.project.trees import write_dedented

PROJECT = {
    "requirements.txt": "psycopg[binary]==3.3.6\n",
    "shop.py": """\
        import os, psycopg

        def application(environ, start_response):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                if environ["REQUEST_METHOD"] == "POST":
                    connection.execute("INSERT INTO rotated VALUES ('visit')")
                said = connection.execute("SELECT count(*) > 0 FROM rotated").fetchone()[0]
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(said).encode()]
        """,
    "migrate.py": """\
        import os, psycopg

        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS rotated (what text)")
            connection.execute("INSERT INTO rotated VALUES ('migration')")
        """,
    "note.py": """\
        import os, psycopg

        def note(what):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute("INSERT INTO rotated VALUES (%s)", [what])
        """,
    "worker.py": """\
        import signal, sys, time
        from note import note

        def end(number, frame):
            time.sleep(2)  # what it is at
            note("worker finished")
            sys.exit()

        signal.signal(signal.SIGTERM, end)
        note("worker begun")
        while True:
            time.sleep(0.1)
        """,
    "audit.py": """\
        import time
        from note import note

        note("job begun")
        time.sleep(15)
        note("job ended")
        """,
}
VISITOR = """
import collections, json, sys, threading, urllib.request
answers, ended = collections.Counter(), threading.Event()

def ask(address, body):
    while not ended.is_set():
        try:
            with urllib.request.urlopen(f"http://{address}/", data=body, timeout=60) as answer:
                said = answer.read().decode()
        except OSError as error:
            said = repr(error)
        answers[said] += 1

threads = [threading.Thread(target=ask, args=[each, body])
           for each in sys.argv[1:] for body in (None, b"x")]
for each in threads: each.start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
for each in threads: each.join()
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def own(machines: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The three with it."""
    project = write_dedented(tmp_path_factory.mktemp("rotated"), PROJECT)
    machines.write(stack(project))
    machines.up()
    return machines


def stack(project: Path) -> str:
    # The database remembers which jobs ran at which time, also those of other files' applications.
    return f"""{STACK}
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
migrate = "python migrate.py"

[[application.process]]
name = "worker"
run = "python worker.py"
stop_s = 30

[[application.job]]
name = "audit"
run = "python audit.py"
at = "yearly"
"""


def database(made: Cluster) -> Container:
    return made.containers["shop-database-1"]


def login(made: Cluster) -> Login:
    return Login.read(read_secrets(database(made))[PASSWORD])


def asked(made: Cluster, statement: str) -> str:
    script = "cd /; runuser -u postgres -- psql -XAt -d skytier -f -"
    return database(made).run(script, statement.encode()).strip()


def said(made: Cluster, what: str) -> int:
    return int(asked(made, f"SELECT count(*) FROM rotated WHERE what = '{what}'"))


def url(machine: Container) -> str:
    return machine.run("cat /etc/skytier/credentials/skytier_database_url").strip()


def logs_in(machine: Container, url: str) -> bool:
    """Whether psql on a web server gets in."""
    tried = (
        "read -r url; PGCONNECT_TIMEOUT=60 "
        'psql -XAtc "SELECT 1" "$url" >/dev/null 2>&1 && echo yes || echo no'
    )
    return machine.run(tried, f"{url}\n".encode()).strip() == "yes"


@contextmanager
def visitors(made: Cluster) -> Iterator[None]:
    """Those who read and those who write on each web server; none is turned away."""
    addresses = [made.containers[name].address for name in web(made)]
    python = (sys.executable, "-c", VISITOR)
    visitor = made.network.start(*python, *addresses, stdin=subprocess.PIPE)
    assert visitor.stdout
    assert visitor.stdout.readline() == "ready\n"
    yield
    answers = json.loads(visitor.communicate("", timeout=300)[0])
    if answers.keys() != {"True"}:
        journal = "journalctl -q --unit='skytier-*' --lines=400 --no-pager | grep -B30 -A3 Error"
        said = [made.containers[name].run(f"{journal} || true") for name in web(made)]
        pytest.fail("\n".join([str(answers), *said]))


def test_no_request_fails_and_what_works_is_waited_for(own: Cluster) -> None:
    first, first_url = login(own), url(own.containers[web(own)[0]])
    serving = asked(own, "SELECT pg_postmaster_start_time()")
    own.containers[web(own)[1]].run("systemctl start --no-block skytier-job@audit.service")
    assert until(lambda: said(own, "job begun"), 300)

    with visitors(own):
        assert own.rotate()

    assert (said(own, "job ended"), said(own, "worker finished")) == (1, 3)
    second, second_url = login(own), url(own.containers[web(own)[0]])
    assert (first.role, second.role) == ("skytier", "skytier_2")
    assert second.password in second_url
    assert logs_in(own.containers[web(own)[1]], second_url)
    assert not logs_in(own.containers[web(own)[1]], first_url)
    roles = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname ~ '^skytier' ORDER BY 1"
    assert asked(own, roles) == "skytier|f\nskytier_2|t"
    assert asked(own, "SELECT pg_postmaster_start_time()") == serving
    assert NEXT not in read_secrets(database(own))
    assert own.wrong() == {}
    assert changed(own.plan()) == []
    for machine in own.containers.values():
        seen = machine.run(
            "cat >/run/pattern; cat /proc/[0-9]*/cmdline | grep -aFf /run/pattern; "
            "grep -rFlf /run/pattern /etc/systemd /run/systemd/system /var/log; journalctl -q | "
            "grep -aFf /run/pattern; rm /run/pattern",
            second.password.encode(),
        )
        assert seen == ""


def test_psql_and_what_the_operator_makes_there_is_the_owner_s(own: Cluster) -> None:
    statement = "SELECT session_user, current_user"
    asked_as = f"cd /; sh -c '{psql.SCRIPT}' psql -Atc '{statement}'"
    assert database(own).run(asked_as).strip() == f"{login(own).role}|skytier"


def test_a_second_rotation_that_was_cut_short_is_finished(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, former = url(own.containers[web(own)[0]]), login(own)

    class CutError(Exception):
        """The run ends here."""

    set_up = rotation.Moves.reconcile

    def cut(self: rotation.Moves, wanted: object, *more: object) -> object:
        if wanted.key.name == web(own)[1]:  # type: ignore[attr-defined]
            raise CutError
        return set_up(self, wanted, *more)  # type: ignore[arg-type]

    with visitors(own):
        monkeypatch.setattr(rotation.Moves, "reconcile", cut)
        with pytest.raises(CutError):
            own.rotate()
        monkeypatch.undo()
        machines = [own.containers[name] for name in web(own)]
        assert [url(each) == before for each in machines] == [False, True, True]
        assert all(logs_in(each, url(each)) for each in machines)
        # A machine that is set up in between has the login that is current.
        assert changed(own.plan()) == []
        assert not own.rotate()
    assert len({url(each) for each in machines}) == 1
    assert not logs_in(machines[0], before)
    assert login(own).role == former.other


def test_what_holds_on_to_the_old_password_is_named_and_can_be_ended(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating, "WAIT_S", 2)
    before = url(own.containers[web(own)[0]])
    machine = own.containers[web(own)[0]]
    machine.run("systemd-run --quiet --unit=skytier-endless --uid=skytier sleep 3600")
    with pytest.raises(SkytierError, match=r"skytier-endless.service on shop-web-1"):
        own.rotate()
    assert logs_in(own.containers[web(own)[1]], before)
    assert not own.rotate(now=True)
    assert not logs_in(own.containers[web(own)[1]], before)
    machine.run("systemctl stop skytier-endless")

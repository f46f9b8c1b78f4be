"""An application of the operator's own takes the place of the sample, on three web servers."""

import base64
import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from skytier import release, roles
from skytier.deploy.kind import Key
from skytier.errors import SkytierError
from skytier.openstack.commands import psql, secret
from skytier.openstack.commands.secret import CloudVariables
from skytier.openstack.machines import variables
from skytier.openstack.stack import CloudStack
from skytier.release.history import Releases
from tests.cluster.cluster import Access, Cluster, changed
from tests.cluster.conftest import STACK
from tests.cluster.test_update import visiting, web
from tests.project.trees import write_dedented
from tests.waiting import wait_until

HARD = 'a b $HOME "q" 100%n \\ é'
PROJECT = {
    "requirements.txt": "psycopg[binary]==3.3.6\n",
    "shop.py": """\
        import json, os, psycopg, time

        VERSION = 1
        ENDED = "SELECT count(*) FROM shop_holds WHERE what = 'ended'"

        def hold():
            with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
                connection.execute("INSERT INTO shop_holds VALUES ('begun')")
                while not connection.execute(ENDED).fetchone()[0]:
                    time.sleep(0.1)

        def application(environ, start_response):
            path = environ["PATH_INFO"]
            if path == "/hold":
                hold()
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                visits = connection.execute("SELECT count(*) FROM shop_visits").fetchone()[0]
            about = {
                "version": VERSION,
                "visits": visits,
                "hard": os.environ["HARD"],
                "secret": os.environb.get(b"SECRET", b"").hex(),
                "key": os.environ["SECRET_KEY"],
                "forwarded": environ.get("HTTP_X_FORWARDED_FOR"),
                "address": environ["REMOTE_ADDR"],
            }
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(about).encode()]
        """,
    "migrate.py": """\
        import os, psycopg

        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS shop_visits (id int)")
            connection.execute("INSERT INTO shop_visits VALUES (1)")
            connection.execute("CREATE TABLE IF NOT EXISTS shop_holds (what text)")
            secret = os.environb.get(b"SECRET", b"").hex()
            connection.execute("CREATE TABLE IF NOT EXISTS shop_secrets (secret text)")
            connection.execute("INSERT INTO shop_secrets VALUES (%s)", (secret,))
        """,
    "files/site.0123456789ab.css": "body {}\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("shop"), PROJECT)


@pytest.fixture(scope="module")
def own(machines: Cluster, project: Path) -> Cluster:
    """The three with it."""
    machines.write(stack(project))
    visitor = visiting(machines, *addresses(machines))
    machines.up()
    out = json.loads(visitor.communicate("", timeout=300)[0])
    assert all(not spans for spans in out.values()), out
    return machines


def stack(project: Path) -> str:
    return f"""{STACK}
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
migrate = "python migrate.py"
static = {{"/files/" = "files"}}
health = "/health"
env.HARD = {json.dumps(HARD, ensure_ascii=False)}
"""


def addresses(made: Cluster) -> list[str]:
    return [made.containers[name].address for name in web(made)]


def ask(made: Cluster, url: str) -> tuple[dict[str, str], str]:
    program = (
        "import json, sys, urllib.request as r; a = r.urlopen(sys.argv[1]); "
        "print(json.dumps([dict(a.headers), a.read().decode()]))"
    )
    asked = made.network.start(sys.executable, "-c", program, url, stdin=subprocess.DEVNULL)
    headers, text = json.loads(asked.communicate(timeout=300)[0])
    return headers, text


def sql(made: Cluster, statement: str) -> str:
    psql = f"cd /; runuser -u postgres -- psql -At skytier -c {shlex.quote(statement)}"
    return made.containers["shop-database-1"].run(psql)


def about(made: Cluster) -> list[dict[str, object]]:
    return [json.loads(ask(made, f"http://{each}/about")[1]) for each in addresses(made)]


def test_it_serves_on_all_with_its_variables_and_one_migration(own: Cluster) -> None:
    answers = about(own)
    assert {each["hard"] for each in answers} == {HARD}
    assert {each["visits"] for each in answers} == {1}
    assert len({each["key"] for each in answers}) == 1
    assert all(each["address"] == each["forwarded"] for each in answers)
    assert own.wrong() == {}
    assert changed(own.plan()) == []


def test_its_static_files_are_nginx_s(own: Cluster) -> None:
    headers, text = ask(own, f"http://{addresses(own)[0]}/files/site.0123456789ab.css")
    assert text == "body {}\n"
    assert "immutable" in headers["Cache-Control"]


def test_no_value_is_in_a_unit_or_on_a_command_line(own: Cluster) -> None:
    key = str(about(own)[0]["key"])
    for name in web(own):
        said = own.containers[name].run(
            "cat >/run/patterns; cat /proc/[0-9]*/cmdline | grep -aFf /run/patterns; "
            "grep -rFlf /run/patterns /etc/systemd /run/systemd/system /opt/skytier; "
            "rm /run/patterns",
            key.encode(),
        )
        assert said == ""


def test_the_next_release_is_seen_by_every_visitor_as_one_or_the_other(
    own: Cluster, project: Path
) -> None:
    code = project / "shop.py"
    code.write_text(code.read_text().replace("VERSION = 1", "VERSION = 2"))
    own.write(stack(project))
    visitor = visiting(own, *addresses(own))
    own.up()
    out = json.loads(visitor.communicate("", timeout=300)[0])
    assert all(not spans for spans in out.values()), out
    assert {each["version"] for each in about(own)} == {2}
    assert {each["visits"] for each in about(own)} == {2}


def test_a_rollback_is_seen_by_no_visitor_and_stays(own: Cluster, project: Path) -> None:
    visitor = visiting(own, *addresses(own))
    done = own.rollback()
    out = json.loads(visitor.communicate("", timeout=300)[0])
    assert all(not spans for spans in out.values()), out
    assert done.to.id in releases(own).there
    assert {each["version"] for each in about(own)} == {1}
    assert {each["visits"] for each in about(own)} == {2}, "a migration ran"
    assert changed(own.plan()) == []
    assert releases(own).history.pinned


def test_a_new_machine_gets_the_release_of_the_rollback_from_another_one(own: Cluster) -> None:
    (lost,) = [each for each in own.servers.find() if each.key.name == "shop-web-3"]
    own.servers.delete(lost, lambda text: None)
    own.up()
    assert {each["version"] for each in about(own)} == {1}


def test_the_next_release_takes_its_place(own: Cluster, project: Path) -> None:
    own.write(stack(project))
    own.up()
    assert {each["version"] for each in about(own)} == {2}
    history = releases(own).history
    now = history.now()
    assert now
    assert (now.state, history.pinned) == ("healthy", False)
    assert [each.state for each in history.entries][-3:] == ["healthy", "rolled back", "healthy"]


def releases(made: Cluster) -> Releases:
    return release.releases(made.containers[web(made)[0]])


SECRET = bytes(range(1, 256)) * 390
"""Almost 100,000 bytes, of all that are possible."""


def test_a_secret_is_a_release_that_each_server_gets_unchanged(own: Cluster, project: Path) -> None:
    before = own.containers["shop-web-1"].run("readlink /opt/skytier/current").strip()
    visits = about(own)[0]["visits"]
    # Somebody else's may be on these machines.
    of_runs = "ls -d /run/skytier-app-* 2>/dev/null || true"
    there = {name: own.containers[name].run(of_runs) for name in web(own)}

    own.change_variables(lambda there: there.with_value("SECRET", SECRET))
    own.write(stack(project))
    assert [each for each in changed(own.plan()) if "release" in each] == [
        f"change release {name}" for name in web(own)
    ]
    visitor = visiting(own, *addresses(own))
    own.up()
    out = json.loads(visitor.communicate("", timeout=300)[0])

    assert all(not spans for spans in out.values()), out
    assert {each["secret"] for each in about(own)} == {SECRET.hex()}
    assert changed(own.plan()) == []
    program = shlex.quote('import os; print(os.environb[b"SECRET"].hex())')
    ran = f"/usr/local/sbin/skytier-app run python -c {program}"
    for name in web(own):
        machine = own.containers[name]
        assert machine.run(ran).strip() == SECRET.hex()
        files = machine.run("stat -c '%a %U' /opt/skytier/releases/*/variables.json").split("\n")
        assert {*files} == {"400 root", ""}
        # A release from before has the set that it had.
        assert machine.run(f"cat /opt/skytier/{before}/variables.json").strip() == "{}"
        said = machine.run(
            "cat >/run/pattern; cat /proc/[0-9]*/cmdline | grep -aFf /run/pattern; "
            "grep -rFlf /run/pattern /etc/systemd /run/systemd/system /var/log; journalctl -q | "
            "grep -aFf /run/pattern; rm /run/pattern",
            base64.b64encode(SECRET)[:60],
        )
        assert said == ""
        assert machine.run(of_runs) == there[name]
    assert sql(own, "SELECT secret FROM shop_secrets").split("\n")[-2] == SECRET.hex()
    assert {each["visits"] for each in about(own)} == {int(str(visits)) + 1}


def test_a_rollback_takes_a_secret_back(own: Cluster, project: Path) -> None:
    own.rollback()
    assert {each["secret"] for each in about(own)} == {""}
    own.write(stack(project))
    own.up()
    assert {each["secret"] for each in about(own)} == {SECRET.hex()}


def test_a_secret_that_was_set_before_the_first_up_is_moved_to_the_stack(own: Cluster) -> None:
    metadata = own.servers.there[Key("server", "shop-database-1")].facts["metadata"]
    kept = own.variables().read(own.known())
    there = dict(metadata)
    for name in [name for name in metadata if name.startswith(variables.VARIABLES)]:
        del metadata[name]
    own.operator.keep_variables(kept.text)

    moved = own.variables().settled(kept.summary.fingerprint, own.known())

    assert moved == kept
    assert metadata == there
    assert not own.operator.variables.exists()
    assert own.variables().read(own.known()) == kept
    for name in [name for name in metadata if name.startswith(variables.VARIABLES)]:
        del metadata[name]
    assert own.variables().settled(kept.summary.fingerprint, own.known()) == kept, "of a copy"
    assert metadata == there
    with pytest.raises(SkytierError, match="not those that the plan was made with"):
        own.variables().settled("another", own.known())


def test_the_commands_change_the_set_on_the_machine_under_the_lock(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    own.operator.public_key()  # the one that machines let in
    stack = SimpleNamespace(
        stack=own.resolved.stack,
        operator=own.operator,
        kinds={"server": own.servers},
        project=None,
        connection=None,
        held=lambda what, lost: nullcontext(held.append(what)),
    )
    monkeypatch.setattr(secret, "Access", lambda *_: Access(own.containers))
    monkeypatch.setattr(secret, "Server", lambda _: own.servers)
    before = own.variables().read(own.known())
    store = CloudVariables(cast(CloudStack, stack))

    assert store.change(lambda there: there.with_value("MORE", b"\xff\n"))
    assert not store.change(lambda there: there.with_value("MORE", b"\xff\n"))
    assert (held, store.note) == (["secret", "secret"], "")
    assert store.read().all["MORE"].value == b"\xff\n"
    noted = variables.summary(own.servers.find(), own.resolved.stack, own.operator)
    assert noted == store.read().summary
    with pytest.raises(SkytierError, match="There is no secret NONE"):
        store.change(lambda there: there.without("NONE"))
    assert store.change(lambda there: there.without("MORE"))
    assert own.variables().read(own.known()) == before
    assert not own.operator.variables.exists()


def test_a_release_from_before_secrets_gets_an_empty_set(own: Cluster) -> None:
    machine = own.containers["shop-web-2"]
    current = machine.run("readlink -f /opt/skytier/current").strip()
    machine.run(f"mv {current}/variables.json /run/variables.json")
    topology = own.topology()
    setup = roles.setup(topology, topology.of("web")[1])
    machine.set_up(setup, own.secrets)
    assert machine.run(f"cat {current}/variables.json") == "{}\n"
    machine.run(f"mv -f /run/variables.json {current}/variables.json")
    machine.run("systemctl restart skytier-app")
    assert own.wrong() == {}


def test_psql_on_the_database_server_is_the_user_of_the_application(own: Cluster) -> None:
    words = ["sh", "-c", psql.SCRIPT, "psql", "-Atc", "SELECT current_user, count(*) > 0 FROM "]
    words[-1] += "shop_visits"
    said = own.containers["shop-database-1"].run(f"cd /; {shlex.join(words)}")
    assert said == "skytier|t\n"


def test_a_slow_request_does_not_hold_up_the_others(own: Cluster, project: Path) -> None:
    before = about(own)[0]["version"]
    address = addresses(own)[0]
    code = project / "shop.py"
    code.write_text(code.read_text().replace(f"VERSION = {before}", "VERSION = 99"))
    own.write(stack(project))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(ask, own, f"http://{address}/hold")
        wait_until(lambda: sql(own, "SELECT count(*) FROM shop_holds") == "1\n", 300)
        released = pool.submit(own.up)
        wait_until(lambda: about(own)[0]["version"] == 99, 300)
        assert not slow.done()
        sql(own, "INSERT INTO shop_holds VALUES ('ended')")
        assert json.loads(slow.result()[1])["version"] == before
        released.result()

"""An application of the operator's own takes the place of the sample, on three web servers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from skytier import release
from skytier.release.history import Releases
from tests.cluster.cluster import Cluster, changed
from tests.cluster.conftest import STACK
from tests.cluster.test_update import visiting, web

HARD = 'a b $HOME "q" 100%n \\ é'
PROJECT = {
    "requirements.txt": "psycopg[binary]==3.3.6\n",
    "shop.py": """\
        import json, os, psycopg

        VERSION = 1

        def application(environ, start_response):
            path = environ["PATH_INFO"]
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                visits = connection.execute("SELECT count(*) FROM shop_visits").fetchone()[0]
            about = {
                "version": VERSION,
                "visits": visits,
                "hard": os.environ["HARD"],
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
        """,
    "files/site.0123456789ab.css": "body {}\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shop")
    for name, text in PROJECT.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    return directory


@pytest.fixture(scope="module")
def own(three: Cluster, project: Path) -> Iterator[Cluster]:
    """The three with it; the sample again for the next file."""
    three.write(stack(project))
    visitor = visiting(three, *addresses(three))
    three.up()
    out = json.loads(visitor.communicate("", timeout=120)[0])
    assert all(not spans for spans in out.values()), out
    yield three
    three.write(STACK)
    three.up()


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
    headers, text = json.loads(asked.communicate(timeout=60)[0])
    return headers, text


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
    out = json.loads(visitor.communicate("", timeout=120)[0])
    assert all(not spans for spans in out.values()), out
    assert {each["version"] for each in about(own)} == {2}
    assert {each["visits"] for each in about(own)} == {2}


def test_a_rollback_is_seen_by_no_visitor_and_stays(own: Cluster, project: Path) -> None:
    visitor = visiting(own, *addresses(own))
    done = own.rollback()
    out = json.loads(visitor.communicate("", timeout=120)[0])
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

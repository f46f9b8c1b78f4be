"""An application that writes files, on a machine: they outlive releases, and Nginx shows them."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.roles.conftest import Machines
from tests.roles.test_release import ask
from tests.roles.topology import SELF_SIGNED, WEB

PROGRAM = """\
    import os, pathlib

    VERSION = 1

    def application(environ, start_response):
        # As strict as ALLOWED_HOSTS and SECURE_SSL_REDIRECT make Django, to the health check too.
        host = environ["HTTP_HOST"].partition(":")[0]
        known = host in os.environ["ALLOWED_HOSTS"].split(",")
        if not known or environ.get("HTTP_X_FORWARDED_PROTO") != "https":
            start_response("400 Bad Request", [])
            return []
        wrong = ""
        if environ["REQUEST_METHOD"] == "POST":
            try:
                pathlib.Path(environ["PATH_INFO"].removeprefix("/write/")).write_text("abc")
            except OSError as error:
                wrong = error.strerror
        found = {name: sorted(os.listdir(name)) for name in ("media", "private")}
        names = ("ALLOWED_HOSTS", "SKYTIER_PROCESS", "SKYTIER_MACHINE")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [repr([VERSION, wrong, found, *(os.environ[name] for name in names)]).encode()]
    """


@pytest.fixture(scope="module")
def writing(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The machines with an application of its own; with the sample again for the next file."""
    project = tmp_path_factory.mktemp("writing")
    (project / "requirements.txt").write_text("")
    (project / "shop.py").write_text(dedent(PROGRAM))
    made = machines.cluster
    made.write(stack(project))
    made.up()
    yield project
    made.write(SELF_SIGNED)
    made.up()


def stack(project: Path) -> str:
    return f"""{SELF_SIGNED}
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
writable = ["private"]
media = {{"/media/" = "media"}}
"""


def about(machines: Machines) -> tuple[object, ...]:
    return tuple(ast.literal_eval(ask(machines, "/")[2]))


def test_what_it_writes_outlives_its_release(machines: Machines, writing: Path) -> None:
    for path in ("media/a.png", "private/b.txt"):
        ask(machines, f"/write/{path}", "POST", {"any": "thing"})
    code = writing / "shop.py"
    code.write_text(code.read_text().replace("VERSION = 1", "VERSION = 2"))
    machines.cluster.write(stack(writing))
    machines.cluster.up()

    version, wrong, found, hosts, process, machine = about(machines)
    assert (version, wrong) == (2, "")
    assert found == {"media": ["a.png"], "private": ["b.txt"]}
    assert WEB.address in str(hosts).split(",")
    assert (process, machine) == ("web", WEB.name)
    assert machines.wrong() == {}


def test_nginx_shows_what_is_public_and_reads_nothing_else(
    machines: Machines, writing: Path
) -> None:
    status, headers, text = ask(machines, "/media/a.png")
    assert (status, text) == (200, "abc")
    assert headers["x-content-type-options"] == "nosniff"
    as_nginx = "setpriv --reuid=www-data --regid=www-data --clear-groups cat"
    said = machines.web.run(f"{as_nginx} /var/lib/skytier-app/private/b.txt 2>&1 || true")
    assert "Permission denied" in said


def test_all_else_stays_closed_to_it(machines: Machines, writing: Path) -> None:
    said = machines.web.run("systemd-analyze security --no-pager skytier-app | tail -n 1")
    assert float(said.partition(": ")[2].split()[0]) <= 1.2, said
    for path in ("shop.py", "new.txt"):
        answer = ask(machines, f"/write/{path}", "POST", {"any": "thing"})[2]
        assert ast.literal_eval(answer)[1] == "Read-only file system"

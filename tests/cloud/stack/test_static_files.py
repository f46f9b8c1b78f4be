"""Static files in a container that everybody may read: Keystone and Ceph's gateway are real."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from skytier.openstack.login.connection import connect
from skytier.openstack.resources.container import READERS, Container
from skytier.openstack.resources.objects import Objects
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.static_files import StaticFiles
from skytier.release.static import LIST, Uses, digest
from skytier.services.nginx.static import AT_CDN, IMMUTABLE

from .account import CLOUD, Account, Operator
from .test_storage import actions, up

STACK = """
image = "debian-12"
flavor = "m1.tiny"
availability_zone = "fake"
[application]
source = "shop"
serve = "main:app"
interface = "asgi"
requires = []
collect = "python collect.py"
static = {"/static/" = "collected"}
[storage]
bucket = "uploads"
[static]
bucket = "assets"
"""
# As collectstatic does: each name has the hash of its content.
COLLECT = """
import hashlib, pathlib, shutil
for path in pathlib.Path("assets").iterdir():
    content = path.read_bytes()
    name = f"{path.stem}.{hashlib.md5(content).hexdigest()[:12]}{path.suffix}"
    target = pathlib.Path("collected", path.name if path.suffix == ".txt" else name)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
"""
ROBOTS = "static/robots.txt"
OF_ANOTHER_SITE = {"Origin": "https://shop.example.org"}


@pytest.fixture(scope="module")
def origin(account: Account, operator: Operator) -> Iterator[str]:
    """Where a CDN gets the files of the stack, which is up."""
    # In a directory of its own: what the tool keeps beside it is no part of a release.
    shop = operator.directory / "shop"
    shop.mkdir(exist_ok=True)
    (shop / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (shop / "requirements.txt").write_text("")
    (shop / "collect.py").write_text(COLLECT)
    write(operator, {"page.css": "a {}", "old.css": "b {}", "robots.txt": "User-agent: *"})
    operator.write(f'name = "shop"\n{STACK}')
    up(operator)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OS_CLIENT_CONFIG_FILE", str(account.clouds))
        yield str(push(operator, "--dry-run")["origin"])
    operator.run("down", "--purge", "--yes")


def write(operator: Operator, files: Mapping[str, str]) -> None:
    assets = operator.directory / "shop" / "assets"
    assets.mkdir(exist_ok=True)
    for name, text in files.items():
        (assets / name).write_text(text)


def push(operator: Operator, *words: str) -> dict[str, Any]:
    """The last line of the output, which says what was done."""
    said: dict[str, Any] = json.loads(
        operator.run("static", "push", *words, "--json").splitlines()[-1]
    )
    return said


def named(names: list[str], stem: str) -> str:
    return next(each for each in names if stem in each)


def test_what_is_new_and_changed_is_sent_and_everybody_can_read_it_and_nothing_else(
    account: Account, operator: Operator, origin: str, tmp_path: Path
) -> None:
    # `up` has sent them.
    assert actions(operator) == {"keep"}
    again = push(operator)
    assert (again["new"], again["changed"], again["unchanged"]) == ([], [], 3)
    answer = httpx.get(f"{origin}/{ROBOTS}", headers=OF_ANOTHER_SITE)
    assert (answer.text, answer.headers["Cache-Control"]) == ("User-agent: *", AT_CDN)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"

    # A release with a changed file, a new one, and one that is gone.
    (operator.directory / "shop" / "assets" / "old.css").unlink()
    write(operator, {"robots.txt": "User-agent: none", "font.woff2": "a font"})
    shown = push(operator, "--dry-run")
    assert httpx.get(f"{origin}/{ROBOTS}").text == "User-agent: *"
    assert "release" in {
        step["kind"] for step in operator.json("plan")["steps"] if step["action"] != "keep"
    }
    done = push(operator)
    assert {**done, "dry_run": True} == shown
    assert (done["changed"], done["unchanged"]) == ([ROBOTS], 1)
    font = named(done["new"], "font")
    answer = httpx.get(f"{origin}/{font}")
    assert (answer.text, answer.headers["Cache-Control"]) == ("a font", IMMUTABLE)
    assert answer.headers["Content-Type"] == "font/woff2"
    assert httpx.get(f"{origin}/{ROBOTS}").text == "User-agent: none"

    # What visitors upload is in another container.
    project = Project(connect(CLOUD), "shop")
    Objects(project, "uploads").put("a-picture.png", b"picture", {})
    there = origin.replace("/assets", "/uploads")
    assert httpx.get(f"{there}/a-picture.png").status_code == 401
    assert httpx.put(f"{origin}/static/page.css", content=b"mine").status_code == 401

    # An application credential, which can make no key of S3, is enough.
    another = Operator(operator.directory, account.delegated(tmp_path))
    write(operator, {"page.css": "c {}"})
    page = named(push(another)["new"], "page")
    assert httpx.get(f"{origin}/{page}").text == "c {}"


def test_only_what_no_kept_release_uses_is_pruned_and_down_deletes_the_container(
    operator: Operator, origin: str
) -> None:
    project = Project(connect(CLOUD), "shop")
    objects = Objects(project, "assets")
    write(operator, {"gone.css": "d {}"})
    before = push(operator)["release"]
    (operator.directory / "shop" / "assets" / "gone.css").unlink()
    stray = "static/stray.css"
    objects.put(stray, b"nobody's", {})
    assert push(operator)["deleted"] == []
    assert httpx.get(f"{origin}/{stray}").text == "nobody's"
    assert "there is no terminal to confirm it" in operator.ends_with(
        1, "static", "push", "--prune"
    )
    assert push(operator, "--prune", "--yes")["deleted"] == [stray]
    assert httpx.get(f"{origin}/{stray}").status_code == 404
    # The release before has it.
    there = [each.name for page in objects.pages() for each in page]
    assert named(there, "gone").startswith("static/gone.")

    # A rollback leads to that one.
    containers = Container(project, there=True)
    StaticFiles(project, containers, "assets").used(before)
    assert Uses.parse(objects.read(LIST)).all[0].release == digest(before)

    # Whoever shuts the container is told by a plan, and a push says that a CDN gets nothing.
    containers.note("assets", "X-Container-Read", "")
    found = containers.marked("assets")
    assert found
    assert found.attributes[READERS] == ""
    [changed] = [s for s in operator.json("plan")["steps"] if s["action"] == "change"]
    assert (changed["kind"], changed["resource"]) == ("container", "assets")
    assert "a CDN cannot read them" in operator.ends_with(1, "static", "push")
    up(operator)
    assert push(operator)["new"] == []

    # A release brings static files back; nothing brings uploads back.
    Objects(project, "uploads").put("a-picture.png", b"picture", {})
    operator.run("down", "--delete-data", "--yes")
    assert [each.key.name for each in containers.find()] == ["uploads"]

"""An application that needs no database, on this machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from skytier.local.home import Home
from tests.project.trees import write
from tests.skytier_command import Skytier, free_port, processes_of

FILES = {
    "requirements.txt": "flask==3.1.3\n",
    "shop.py": """\
import os
from flask import Flask

app = Flask(__name__)

@app.get("/")
def home():
    return "version 1"

@app.get("/about")
def about():
    return {name: os.environ.get(name) for name in ("DATABASE_URL", "SECRET_KEY")}
""",
}
STACK = """\
[application]
serve = "shop:app"
interface = "wsgi"
process = [{name = "worker", run = "sleep 1000", stop_s = 1}]
requires = []
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shop"), {**FILES, "skytier.toml": STACK})


@pytest.fixture(scope="module")
def up(shop: Path, make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    skytier = make_skytier()
    shell = {"DATABASE_URL": "postgresql://of.the.shell/"}
    skytier.run("up", "--port", str(free_port()), "--workers", "1", cwd=shop, env=shell)
    yield skytier
    skytier.run("down", "--purge", "--yes", cwd=shop)
    assert processes_of(skytier.home) == []


def status(up: Skytier, shop: Path) -> dict[str, list[str]]:
    """Machine to its services, of a stack that has to be healthy."""
    told = json.loads(up.run("status", "--json", cwd=shop))
    assert told["healthy"], told
    return {each["name"]: [one["name"] for one in each["services"]] for each in told["machines"]}


def test_another_application_takes_its_place_only_when_told(
    up: Skytier, shop: Path, tmp_path: Path
) -> None:
    other = write(tmp_path / "other", {**FILES, "skytier.toml": STACK})
    for command in (["up"], ["release"]):
        said = up.ends_with(1, *command, cwd=other)
        assert f"{up.home} has the application of {shop.resolve()}." in said
        assert "Another application is there." in said
    assert httpx.get(up.url()).text == "version 1"
    up.run("up", cwd=shop)


def programs_of_postgresql(up: Skytier) -> list[str]:
    names = [each.name() for each in processes_of(up.home)]
    return [name for name in names if "postgres" in name]


def test_it_is_healthy_and_nothing_of_postgresql_is_there(up: Skytier, shop: Path) -> None:
    assert httpx.get(up.url()).text == "version 1"
    (services,) = status(up, shop).values()
    assert {"application", "worker"} <= {*services}
    assert not any("postgres" in name for name in services)
    assert programs_of_postgresql(up) == []
    assert [*Home(up.home).postgresql.iterdir()] == []
    assert not (up.home / "etc" / "rules" / "database.yml").exists()


def test_it_gets_no_address_of_a_database_and_keeps_its_secret_key(up: Skytier, shop: Path) -> None:
    about = httpx.get(f"{up.url()}/about").json()
    assert about["DATABASE_URL"] is None
    assert len(about["SECRET_KEY"]) >= 50
    program = "import os; print('DATABASE_URL' in os.environ)"
    assert up.run("run", "--", "python", "-c", program, cwd=shop) == "False\n"


def test_a_database_elsewhere_is_a_secret_like_any_other(
    up: Skytier, shop: Path, tmp_path: Path
) -> None:
    url = "postgresql://shop@db.example.org/shop"
    (tmp_path / "url").write_text(url)
    setting = ("secret", "set", "DATABASE_URL", "--from-file", str(tmp_path / "url"))
    up.run(*setting, cwd=shop)
    up.run("release", cwd=shop)
    assert httpx.get(f"{up.url()}/about").json()["DATABASE_URL"] == url
    file = shop / "skytier.toml"
    file.write_text(STACK.replace("[]", '["postgresql"]'))
    assert "The secret DATABASE_URL is set" in up.ends_with(1, "release", cwd=shop)
    assert "Skytier sets DATABASE_URL" in up.ends_with(1, *setting, cwd=shop)
    file.write_text(STACK)
    up.run("secret", "unset", "DATABASE_URL", cwd=shop)
    up.run("release", cwd=shop)


def test_releases_and_rollbacks_go_without_a_migration(up: Skytier, shop: Path) -> None:
    code = shop / "shop.py"
    code.write_text(FILES["shop.py"].replace("version 1", "version 2"))
    assert "migrations" not in up.run("release", cwd=shop)
    assert httpx.get(up.url()).text == "version 2"
    up.run("rollback", cwd=shop)
    assert httpx.get(up.url()).text == "version 1"
    assert "Nothing to do" in up.run("up", cwd=shop)
    status(up, shop)


def test_what_needs_a_database_is_refused_in_one_line(up: Skytier, shop: Path) -> None:
    said = up.ends_with(1, "psql", cwd=shop)
    assert "The stack has no database: application.requires does not name PostgreSQL." in said
    said = up.ends_with(1, "up", "--postgres", "embedded", cwd=shop)
    assert "A PostgreSQL is chosen" in said
    assert programs_of_postgresql(up) == []


def test_a_database_can_be_added_and_its_data_stays_when_it_is_not_wanted_any_more(
    up: Skytier, shop: Path
) -> None:
    file = shop / "skytier.toml"
    key = httpx.get(f"{up.url()}/about").json()["SECRET_KEY"]
    file.write_text(STACK.replace("[]", '["postgresql"]'))
    up.run("release", cwd=shop)
    about = httpx.get(f"{up.url()}/about").json()
    assert about["DATABASE_URL"].startswith("postgresql://skytier:")
    assert about["SECRET_KEY"] == key
    assert "database" in status(up, shop)
    up.run("psql", "--", "-c", "CREATE TABLE kept ()", cwd=shop)
    number = json.loads(up.run("releases", "--json", cwd=shop))[-1]["number"]

    file.write_text(STACK)
    up.run("up", cwd=shop)
    assert programs_of_postgresql(up) == []
    assert httpx.get(f"{up.url()}/about").json()["DATABASE_URL"] is None
    assert "database" not in status(up, shop)
    said = up.ends_with(1, "rollback", str(number), cwd=shop)
    assert "needs PostgreSQL, which application.requires does not name" in said
    assert (Home(up.home).postgresql / "data" / "PG_VERSION").exists()

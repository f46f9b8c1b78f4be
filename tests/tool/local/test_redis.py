"""Redis on this machine, where the stack file has a cache."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from skytier.local.home import Home
from skytier.local.redis import Redis, Urls
from tests.skytier_command import Skytier, free_port

APPLICATION = """
import json, os, socket
from urllib.parse import urlsplit

def ask(url, *commands):
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        first = (f"AUTH {parts.password}", f"SELECT {parts.path[1:]}")
        said = "".join(f"{each}\\r\\n" for each in (*first, *commands, "QUIT"))
        connection.sendall(said.encode())
        return connection.makefile().read().split("\\n")[len(first):-2]

def application(environ, start_response):
    names = [name for name in ("REDIS_URL", "REDIS_CACHE_URL") if name in os.environ]
    said = {name: ask(os.environ[name], f"INCR {name}", "DBSIZE") for name in names}
    start_response("200 OK", [])
    return [json.dumps(said).encode()]
"""
STACK = """
[application]
serve = "shop:application"
interface = "wsgi"
requires = []

[cache]
kind = "redis"
"""


@pytest.fixture
def home() -> Iterator[Home]:
    # The path of a socket has to be short, and pytest's directories have the test's name.
    with tempfile.TemporaryDirectory(prefix="skytier-") as directory:
        home = Home(Path(directory, "home"))
        home.create()
        yield home


def test_the_addresses_are_those_of_the_operator_or_of_the_server_here(home: Home) -> None:
    none, redis = (Redis(home, is_wanted=wanted) for wanted in (False, True))
    theirs = "redis://cache.example.org"
    assert none.urls(None, None) == Urls()
    assert none.urls(None, theirs) == none.urls(theirs, None) == Urls(theirs)
    assert none.urls(theirs, "") == Urls()
    ours = redis.urls(None, None)
    assert ours.kept
    assert ours.kept.endswith("/0")
    assert redis.serves(ours)
    assert redis.urls(ours.kept, None) == redis.urls(theirs, "") == ours
    assert redis.urls(ours.kept, theirs) == redis.urls(theirs, None) == Urls(theirs)
    assert not redis.serves(Urls(theirs))
    # The cache left the stack file.
    assert none.urls(ours.kept, None) == Urls()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs the package redis-server")
def test_an_application_has_a_redis_whose_keys_outlive_a_restart(
    fresh: Skytier, tmp_path: Path
) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "shop.py").write_text(APPLICATION)
    (project / "requirements.txt").write_text("")
    (project / "skytier.toml").write_text(STACK)

    fresh.run("up", "--port", str(free_port()), "--workers", "1", "--no-monitor", cwd=project)

    # Each address is a database of its own.
    before = httpx.get(fresh.url()).json()
    assert {name: said[1] for name, said in before.items()} == {
        "REDIS_URL": ":1",
        "REDIS_CACHE_URL": ":1",
    }
    services = {each["name"]: each for each in status(fresh, project)}
    assert services["redis"]["running"]
    password = (fresh.home / "secrets" / "redis_password").read_text().strip()
    assert password not in json.dumps(services)
    fresh.run("down", cwd=project)
    fresh.run("up", cwd=project)
    now = httpx.get(fresh.url()).json()
    assert int(now["REDIS_URL"][0][1:]) > int(before["REDIS_URL"][0][1:])
    assert "Nothing to do" in fresh.run("up", cwd=project)

    (project / "skytier.toml").write_text(STACK.replace('"redis"', '"none"'))
    fresh.run("up", cwd=project)
    assert "redis" not in {each["name"] for each in status(fresh, project)}
    assert httpx.get(fresh.url()).json() == {}
    fresh.run("down", "--purge", "--yes", cwd=project)


def status(stack: Skytier, project: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stack.run("status", "--json", cwd=project))[
        "machines"
    ][0]["services"]
    return found

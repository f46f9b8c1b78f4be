"""The runtime of a release: how commands are run, and what an object is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skytier_runtime import interface, launch


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python -m shop", ["python", "-m", "shop"]),
        ("shop 'a b' c\\ d", ["/bin/sh", "-c", "exec shop 'a b' c\\ d"]),
        ("shop --port $PORT", ["/bin/sh", "-c", "exec shop --port $PORT"]),
        ("MODE=x shop", ["/bin/sh", "-c", "MODE=x exec shop"]),
        ("A=1 B=x/y shop $PORT", ["/bin/sh", "-c", "A=1 B=x/y exec shop $PORT"]),
        ("A='b c' shop", ["/bin/sh", "-c", "A='b c' shop"]),
        ("cd web && shop", ["/bin/sh", "-c", "cd web && shop"]),
        ("python -m shop $X", ["/bin/sh", "-c", 'exec "$SKYTIER_PYTHON" -m shop $X']),
        ("A=1 python3 x.py $X", ["/bin/sh", "-c", 'A=1 exec "$SKYTIER_PYTHON" x.py $X']),
        ("python3.9 x.py $X", ["/bin/sh", "-c", "exec python3.9 x.py $X"]),
        ("shop; other", ["/bin/sh", "-c", "shop; other"]),
        ("shop | tee x", ["/bin/sh", "-c", "shop | tee x"]),
    ],
)
def test_one_command_takes_the_place_of_the_shell(line: str, words: list[str]) -> None:
    assert launch.words(line) == words


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("cd / && python -c 'print(1)'; python3 -c 'print(2)'", "1\n2\n"),
        # One command, in whose words another one is.
        ("/bin/echo $(python -c 'print(1)')/static", "1/static\n"),
        ("A=1 /bin/echo $(python3 -c 'print(2)') python", "2 python\n"),
    ],
)
def test_a_shell_has_the_release_s_python(line: str, output: str) -> None:
    made = launch.words(line)
    environment = {"SKYTIER_PYTHON": sys.executable, "PATH": "/nowhere"}
    done = subprocess.run(made, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == output


def described(**values: Any) -> dict[str, Any]:
    return {"env": {}, "paths": ["app"], "secrets": "environment", **values}


def test_the_variables_of_the_operator_count_most_but_for_where_python_looks() -> None:
    made = launch.environment(
        described(env={"PORT": "1", "PYTHONPATH": "src:lib", "MODE": "x"}, paths=["app"])
    )
    app = launch.RELEASE / "app"
    assert made["PYTHONPATH"].split(":")[:3] == [str(app / "src"), str(app / "lib"), str(app)]
    assert made["PYTHONPATH"].endswith("/libraries/lib:" + str(launch.RELEASE / "runtime"))
    assert (made["PORT"], made["MODE"]) == ("1", "x")


def test_an_application_learns_its_hosts_and_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYTIER_HOSTS", "shop.example.org,192.168.128.10")
    monkeypatch.setenv("SKYTIER_ORIGINS", "https://shop.example.org")
    made = launch.environment(described())
    assert made["ALLOWED_HOSTS"] == "shop.example.org,192.168.128.10"
    assert made["CSRF_TRUSTED_ORIGINS"] == "https://shop.example.org"
    assert made["SKYTIER_MACHINE"] == os.uname().nodename
    assert made["SKYTIER_RELEASE"] == launch.RELEASE.name


@pytest.mark.parametrize("way", ["environment", "files"])
def test_secrets_are_variables_only_where_the_application_wants_them(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "skytier_database_url").write_text("postgresql://a\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("SKYTIER_SECRETS_DIR", raising=False)
    made = launch.environment(described(secrets=way))
    assert made.get("DATABASE_URL") == ("postgresql://a" if way == "environment" else None)
    assert "REDIS_URL" not in made


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...
def wsgi(environ: Any, start_response: Any) -> None: ...
def old_asgi(scope: Any, receive: Any, send: Any) -> None: ...


class Asgi:
    def __init__(self, name: str = "") -> None: ...
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Wsgi:
    def __call__(self, environ: Any, start_response: Any, more: Any = None) -> None: ...
    def method(self, environ: Any, start_response: Any) -> None: ...


def make_asgi(settings: str = "x") -> Asgi:
    return Asgi()


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (asgi, "asgi"),
        (old_asgi, "asgi"),
        (Asgi(), "asgi"),
        (Asgi, "asgi-factory"),
        (make_asgi, "asgi-factory"),
        (wsgi, "wsgi"),
        (Wsgi(), "wsgi"),
        (Wsgi().method, "wsgi"),
        (Wsgi, "wsgi-factory"),
        (lambda: wsgi, "wsgi-factory"),
    ],
)
def test_an_object_is_known_by_what_it_takes_and_returns(
    found: Callable[..., Any], kind: str
) -> None:
    assert interface.interface(found) == kind


@pytest.mark.parametrize("found", ["a text", 3, lambda: 3, lambda a, b, c, d: None])
def test_what_serves_nothing_is_refused(found: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        interface.interface(found)

    assert "neither an ASGI nor a WSGI application" in capsys.readouterr().err
    assert ended.value.code == 3


def test_python_knows_itself_where_the_path_has_none(tmp_path: Path) -> None:
    """Uvicorn starts its workers by sys.executable."""
    program = "import sys; print(sys.executable)"
    code = (
        "from skytier_runtime import launch; import sys; "
        f"launch.become(['python', '-c', {program!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(launch.RELEASE / "runtime")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == sys.executable

"""The rules of each file that a project may have."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.project import Recognised, recognise
from skytier.project.command import served
from skytier.project.cron import on_calendar
from skytier.project.procfile import parse
from tests.project.trees import write


@pytest.mark.parametrize(
    ("command", "serve", "interface"),
    [
        ("gunicorn shop.wsgi", "shop.wsgi:application", "wsgi"),
        ("gunicorn shop.wsgi --log-file -", "shop.wsgi:application", "wsgi"),
        ("gunicorn -w4 -b :$PORT shop:app", "shop:app", "wsgi"),
        ("gunicorn 'shop:create_app()'", "shop:create_app", "wsgi-factory"),
        ("gunicorn -k uvicorn.workers.UvicornWorker shop:app", "shop:app", "asgi"),
        ("gunicorn --worker-class=uvicorn_worker.UvicornWorker shop:app", "shop:app", "asgi"),
        ("poetry run gunicorn shop:app", "shop:app", "wsgi"),
        (
            "exec python -m uvicorn shop.main:app --host 0.0.0.0 --port ${PORT:-80}",
            "shop.main:app",
            "asgi",
        ),
        ("uv run uvicorn --factory shop:build --proxy-headers", "shop:build", "asgi-factory"),
        ("daphne -b 0.0.0.0 -p $PORT shop.asgi:application", "shop.asgi:application", "asgi"),
        ("hypercorn shop:app", "shop:app", "asgi"),
        ("waitress-serve --port=$PORT shop.wsgi:application", "shop.wsgi:application", "wsgi"),
        ("waitress-serve --call shop:create_app", "shop:create_app", "wsgi-factory"),
    ],
)
def test_a_plain_command_of_a_server_says_what_is_served(
    command: str, serve: str, interface: str
) -> None:
    found = served(command)
    assert found
    assert (found.serve, found.interface) == (serve, interface)


@pytest.mark.parametrize(
    "command",
    [
        "python app.py",
        "gunicorn",
        "gunicorn -k gevent shop:app",
        "gunicorn shop:app --paste x.ini",
        "gunicorn 'shop:create_app(\"prod\")'",
        "gunicorn $APP",
        "gunicorn shop:app | tee log",
        "gunicorn shop:app & nginx",
        "cd backend && gunicorn shop:app",
        "gunicorn --chdir /srv shop:app",
        "uvicorn shop:app --ssl-keyfile key.pem",
        "uvicorn 'shop:app",
        "uvicorn shop:app --env-file .env",
        "NAME=$OTHER gunicorn shop:app",
        "newrelic-admin run-program gunicorn shop:app",
        "gunicorn shop:app other:app",
        "gunicorn shop:app -b",
        "&& gunicorn shop:app",
        "",
    ],
)
def test_any_other_command_stays_as_it_is(command: str) -> None:
    assert served(command) is None


def test_a_directory_and_variables_of_a_command_are_kept() -> None:
    found = served("LEVEL=1 gunicorn --chdir ./backend/ shop.wsgi -t 120")
    assert found
    assert found.env == {"LEVEL": "1", "PYTHONPATH": "backend"}
    assert list(found.dropped) == ["-t"]


def test_a_procfile_is_read_line_by_line() -> None:
    text = "# all\nweb: a: b\n\n  worker :c\r\nno line\nweb: last\nbad name: x\nempty:\n"
    found = {name: (line.number, line.command) for name, line in parse(text).items()}
    assert found == {"web": (6, "last"), "worker": (4, "c")}


SCHEDULES = {
    "* * * * *": "*-*-* *:*:00",
    "*/5 * * * *": "*-*-* *:00/5:00",
    "30 2 * * *": "*-*-* 02:30:00",
    "0 3 * * 1": "Mon *-*-* 03:00:00",
    "0 9-17 * * mon-fri": "Mon..Fri *-*-* 09..17:00:00",
    "0 0 1,15 * *": "*-*-01,15 00:00:00",
    "0 0 1 jan,7 *": "*-01,07-01 00:00:00",
    "5-50/10 4 * * 0,7": "Sun *-*-* 04:05..50/10:00",
    "0 0 */2 * *": "*-*-01/2 00:00:00",
    "3/15 * * * *": "*-*-* *:03/15:00",
    "0 0 * * 5-7": "Fri,Sat,Sun *-*-* 00:00:00",
    "0 0 * * *": "*-*-* 00:00:00",
    "@daily": "daily",
    "@hourly": "hourly",
    "@weekly": "Sun *-*-*",
}


@pytest.mark.parametrize(("cron", "expected"), SCHEDULES.items())
def test_a_schedule_of_cron_is_one_of_systemd(cron: str, expected: str) -> None:
    assert on_calendar(cron) == expected


def test_systemd_understands_the_schedules() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    subprocess.run([program, "calendar", *SCHEDULES.values()], check=True, capture_output=True)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "* * * * xyz",
        "0 0 1 * 1",
        "@reboot",
        "1,,2 * * * *",
        "٣ * * * *",
    ],
)
def test_another_schedule_is_none(cron: str) -> None:
    assert on_calendar(cron) is None


def of(root: Path, files: Mapping[str, str | bytes]) -> Recognised:
    return recognise(write(root, files))


@pytest.mark.parametrize(
    ("text", "serve", "interface"),
    [
        ("import flask as f\nx = f.Flask('x')", "app:x", "wsgi"),
        ("from flask import Flask as F\nother = application = F('x')", "app:application", "wsgi"),
        ("from flask import Flask\nif True:\n    app = Flask('x')", "app:app", "wsgi"),
        (
            "from flask import Flask\ntry:\n    app = Flask('x')\nfinally:\n    pass",
            "app:app",
            "wsgi",
        ),
        (
            "from flask import Flask\nsite = Flask('x')\napplication = site",
            "app:application",
            "wsgi",
        ),
        (
            "import flask\ndef make_app(a=1): return flask.Flask('x')",
            "app:make_app",
            "wsgi-factory",
        ),
        ("import flask\ndef create_app(a): return flask.Flask('x')", "", ""),
        ("import flask\ndef create_app(*, a): return flask.Flask('x')", "", ""),
        ("import flask\ndef main():\n    app = flask.Flask('x')\n    app.run()", "", ""),
        ("import flask\nif __name__ == '__main__':\n    app = flask.Flask('x')", "", ""),
        ("# from flask import Flask\ntext = 'Flask'", "", ""),
        ("class Flask: pass\napp = Flask()", "", ""),
    ],
)
def test_the_application_object_is_found_as_flask_finds_it(
    text: str, serve: str, interface: str, tmp_path: Path
) -> None:
    found = of(tmp_path, {"app.py": text})
    assert (found.serve, found.interface) == (serve, interface)


def test_wsgi_py_goes_before_app_py(tmp_path: Path) -> None:
    flask = "from flask import Flask\napp = Flask('x')"
    assert of(tmp_path, {"app.py": flask, "wsgi.py": flask}).serve == "wsgi:app"


def test_fastapi_takes_the_first_of_several_in_its_own_order(tmp_path: Path) -> None:
    text = "from fastapi import FastAPI\nb = FastAPI()\na = FastAPI()\n"
    assert of(tmp_path, {"app/main.py": text, "api.py": text}).serve == "api:b"


def test_an_import_in_a_circle_ends(tmp_path: Path) -> None:
    files = {
        "app.py": "from shop.a import app\nfrom flask import Flask",
        "shop/__init__.py": "from .b import *",
        "shop/a.py": "from .b import app",
        "shop/b.py": "from .a import app\napp2 = app2\n",
    }
    assert of(tmp_path, files).serve == ""


def test_settings_that_take_in_each_other_end(tmp_path: Path) -> None:
    files = {
        "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 's.a')",
        "s/a.py": "from .b import *\nA = B\nSTATIC_ROOT = A\nINSTALLED_APPS = X",
        "s/b.py": "from .a import *\nB = A\nX = INSTALLED_APPS + ['django.contrib.staticfiles']",
    }
    found = of(tmp_path, files)
    assert (found.framework, found.collect) == ("django", "")


@pytest.mark.parametrize(
    ("value", "directory"),
    [
        ("BASE_DIR / 'static'", "static"),
        ("BASE_DIR.joinpath('a', 'b')", "a/b"),
        ("os.path.join(BASE_DIR, 'static')", "static"),
        ("str(BASE_DIR / 'static')", "static"),
        ("str(BASE_DIR) + '/static'", "static"),
        ("f'{BASE_DIR}/static'", "static"),
        ("Path(BASE_DIR, 'a', 'b')", "a/b"),
        ("os.path.join(BASE_DIR, 'shop', '..', 'static')", "static"),
        ("config.get('filesystem', 'static')", ""),
        ("os.environ.get('STATIC_ROOT') or 'static'", "static"),
        ("'static'", "static"),
        ("Path(__file__).parents[1] / 'static'", "static"),
        ("Path(__file__).resolve().parent / 'static'", "shop/static"),
        ("environ.Path(__file__) - 2", ""),
        ("env('STATIC_ROOT', default=BASE_DIR / 'static')", "static"),
        ("os.environ.get('STATIC_ROOT', 'static')", "static"),
        ("'/var/www/static'", ""),
        ("BASE_DIR.parent / 'static'", ""),
        ("BASE_DIR / '..' / 'static'", ""),
        ("BASE_DIR", ""),
        ("compute()", ""),
        ("os.environ['STATIC_ROOT']", ""),
    ],
)
def test_static_files_are_collected_below_the_source_only(
    value: str, directory: str, tmp_path: Path
) -> None:
    settings = (
        "import os\nfrom pathlib import Path\nBASE_DIR = Path(__file__).resolve().parent.parent\n"
        f"INSTALLED_APPS = ['django.contrib.staticfiles']\nSTATIC_ROOT = {value}\n"
    )
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')"
    found = of(tmp_path, {"manage.py": manage, "shop/settings.py": settings})
    assert found.static == ({"/static/": directory} if directory else {})
    assert bool(found.collect) == bool(directory)
    assert directory or any("STATIC_ROOT" in each for each in found.warnings)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("pyproject.toml", "[project", "pyproject.toml is not TOML"),
        ("app.json", "{", "app.json is not JSON"),
        ("app.json", "[]", "app.json is not an object"),
        ("Pipfile.lock", "[" * 100_000, "Pipfile.lock is not JSON: it is nested too deeply"),
        ("uv.lock", "a = " + "[" * 100_000, "uv.lock is not TOML"),
    ],
)
def test_a_broken_file_is_named(name: str, text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(SkytierError, match=error):
        of(tmp_path, {name: text})


def test_a_file_of_a_wrong_shape_is_no_traceback(tmp_path: Path) -> None:
    files = {
        "app.json": '{"env": [1], "cron": {"a": 1}, "formation": {"web": 1}, "scripts": "x"}',
        "pyproject.toml": '[project]\ndependencies = "a"\nrequires-python = 3\n[tool]\npoetry = 1',
        "uv.lock": 'package = [1, {name = 3}, {name = "a", dependencies = "b", source = 1}]',
    }
    assert "dependencies" not in of(tmp_path, files).questions


def test_an_environment_that_git_does_not_ignore_is_warned_of(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": "", ".venv/pyvenv.cfg": "", ".venv/x.py": "", ".env": "A=1"})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    warnings = recognise(tmp_path).warnings
    assert [each.partition(" ")[0] for each in warnings] == [".env", ".venv"]


def test_what_is_ignored_by_git_is_not_read(tmp_path: Path) -> None:
    write(
        tmp_path, {".gitignore": "old/", "old/app.py": "from flask import Flask\napp = Flask('x')"}
    )
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert recognise(tmp_path).framework == ""

"""What is recognised of whole projects: all of it, and nothing more."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from skytier.project import Recognised, recognise
from tests.project.trees import CORPUS, read, write


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_project_is_recognised_by_reading_it(path: Path, tmp_path: Path) -> None:
    expected, files = read(path)
    found = recognise(write(tmp_path, files))

    because = expected.pop("because", {})
    warnings = expected.pop("warnings", [])
    assert plain(found) == {**plain(Recognised()), **expected}
    assert {
        key: said in found.because.get(key, "") for key, said in because.items()
    } == dict.fromkeys(because, True), found.because
    assert len(found.warnings) == len(warnings), found.warnings
    for warning in warnings:
        assert any(warning in each for each in found.warnings), (warning, found.warnings)


def plain(found: Recognised) -> dict[str, Any]:
    """What was found, as the corpus has it."""
    values = asdict(found)
    del values["because"], values["warnings"]
    values["writable"] = list(values["writable"])
    values["requires"] = list(values["requires"])
    values["generated"] = list(values["generated"])
    values["variables"] = sorted(values["variables"])
    values["jobs"] = {name: [job["run"], job["at"]] for name, job in values["jobs"].items()}
    values["questions"] = {
        name: list(question["candidates"]) for name, question in values["questions"].items()
    }
    return values


def test_each_found_thing_has_a_reason(tmp_path: Path) -> None:
    for path in CORPUS:
        found = recognise(write(tmp_path / path.stem, read(path)[1]))
        single = ("serve", "run", "migrate", "collect", "health", "dependencies", "python")
        wanted = {name for name in single if getattr(found, name)}
        for name in ("static", "media", "env", "processes", "jobs", "requires"):
            wanted |= {f"{name}.{key}" for key in getattr(found, name)}
        assert wanted <= found.because.keys(), path.stem
        assert all(said.endswith(".") for said in found.because.values()), path.stem


def test_only_projects_without_any_sign_of_a_database_need_none(tmp_path: Path) -> None:
    found = {path.stem: recognise(write(tmp_path / path.stem, read(path)[1])) for path in CORPUS}
    assert {name for name, each in found.items() if "requires" in each.because} == {
        "fastapi-app-api",
        "fastapi-entry-point",
        "fastapi-mounts-flask",
        "fastapi-re-exported",
        "fastapi-src-layout-factory",
        "fastapi-with-environment",
        "flask-named-by-flaskenv",
        "flask-single-file",
        "flask-uploads",
        "flask-uploads-unknown",
        "litestar-fullstack",
        "procfile-own-command",
        "pythons-that-disagree",
        "quart",
        "starlette",
        "two-locks",
    }


SMALL = {
    "app.py": "import os\nfrom flask import Flask\napp = Flask(__name__)\n",
    "requirements.txt": "flask\nplatformdirs\n",
}


def test_a_small_project_needs_no_database(tmp_path: Path) -> None:
    found = recognise(write(tmp_path, SMALL))
    assert found.requires == ()
    assert found.because["requires"].startswith("requirements.txt has no package for a database")


@pytest.mark.parametrize(
    "files",
    [
        *({"requirements.txt": f"flask\n{name}\n"} for name in ("psycopg2-binary", "asyncpg")),
        *({"requirements.txt": f"flask\n{name}\n"} for name in ("Flask-SQLAlchemy", "peewee")),
        *({"requirements.txt": f"flask\n{name}\n"} for name in ("pg8000", "databases")),
        *({"requirements.txt": f"flask\n{name}\n"} for name in ("sqlmodel", "tortoise-orm")),
        {"store.py": "import os\nurl = os.environ.get('DATABASE_URL')\n"},
        {"store.py": "import sqlite3\n"},
        {".env.example": "DATABASE_URL=postgresql://localhost/shop\n"},
        {"compose.yaml": "services: {db: {image: 'postgres:17'}}\n"},
        {"Procfile": "web: gunicorn app:app\nrelease: python prepare.py\n"},
        {"app.json": '{"cron": [{"command": "python sweep.py", "schedule": "@daily"}]}'},
        {"requirements.txt": "# none\n"},
        {"app.py": "print('none')\n"},
    ],
    ids=str,
)
def test_a_project_that_may_need_a_database_keeps_the_default(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert "requires" not in recognise(write(tmp_path, {**SMALL, **files})).because

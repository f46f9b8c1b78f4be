"""Projects that are broken, huge or made to hurt: read in time, and never by a crash."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytier.errors import SkytierError
from skytier.project import Recognised, recognise
from tests.project.trees import CORPUS, read, write

FLASK = b"from flask import Flask\napp = Flask('x')\n"
BROKEN = {
    "no Python": b"def (:\n",
    "a NUL": b"app = 1\0",
    "deep brackets": b"x = " + b"(" * 50_000 + b")" * 50_000,
    "a deep sum": b"x = " + b"+".join([b"1"] * 50_000),
    "a deep chain": b"x = a" + b".b" * 50_000,
    "deep minus": b"x = " + b"-" * 50_000 + b"1",
    "latin-1 that is not declared": "# ünïcode\nFlask = 'é'\n".encode("latin-1"),
    "an unknown coding": b"# coding: nonsense\n" + FLASK,
    "binary": bytes(range(256)) * 100,
    "huge": FLASK + b"# long\n" * 400_000,
    "many of one name": b"INSTALLED_APPS = []\n" + b"INSTALLED_APPS += ['x']\n" * 8_000,
    "a long line": FLASK + b"x = '" + b"a" * 900_000 + b"'",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_passed_over(name: str, tmp_path: Path) -> None:
    manage = b"import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')"
    root = write(tmp_path, {"main.py": BROKEN[name], "good/web.py": FLASK})
    found = recognise(root)
    assert found.framework == "flask"
    assert found.serve in ("good.web:app", "main:app") or "serve" in found.questions

    write(root, {"manage.py": manage, "shop/settings.py": BROKEN[name]})
    assert recognise(root).framework in ("django", "")


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + FLASK,
        b"# -*- coding: latin-1 -*-\n# \xe9\n" + FLASK,
        FLASK.replace(b"\n", b"\r\n"),
    ],
)
def test_other_encodings_are_read_as_python_reads_them(text: bytes, tmp_path: Path) -> None:
    assert recognise(write(tmp_path, {"app.py": text})).serve == "app:app"


def test_names_that_lead_to_names_twice_each_do_not_double_the_work(tmp_path: Path) -> None:
    lines = [f"A{number} = A{number + 1} / A{number + 1}" for number in range(60)]
    text = "\n".join(
        [
            "from .settings import *",
            *lines,
            "A60 = 'x'",
            "STATIC_ROOT = A0",
            "INSTALLED_APPS = ['django.contrib.staticfiles']",
        ]
    )
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')"
    found = recognise(write(tmp_path, {"manage.py": manage, "shop/settings.py": text}))
    assert found.collect == ""


def test_a_long_chain_of_imports_is_followed_once(tmp_path: Path) -> None:
    files = {f"m{number}.py": f"from m{number + 1} import app  # Flask" for number in range(600)}
    files["m600.py"] = FLASK.decode()
    found = recognise(write(tmp_path, files))
    assert found.framework == "flask"


def test_deep_directories_are_walked(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 200)
    found = recognise(write(tmp_path, {f"{deep}/app.py": FLASK}))
    assert found.serve.endswith("d.app:app")


def test_links_in_a_circle_are_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path, {"a/b/app.py": FLASK})
    (root / "a/b/up").symlink_to("../..")
    (root / "main.py").symlink_to("main.py")
    assert recognise(root).serve == "a.b.app:app"


NAMES = st.sampled_from(
    [
        "main.py",
        "app.py",
        "wsgi.py",
        "manage.py",
        "shop/settings.py",
        "shop/__init__.py",
        "app/api.py",
        "Procfile",
        "app.json",
        "requirements.txt",
        "pyproject.toml",
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
        "pylock.toml",
        ".python-version",
        "runtime.txt",
        ".tool-versions",
        "alembic.ini",
    ]
)
# Pieces of real projects, cut and joined anywhere, reach further than letters by chance.
PIECES = [
    line for path in CORPUS for text in read(path)[1].values() for line in text.splitlines(True)
]
CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(PIECES), max_size=20).map(lambda lines: "".join(lines).encode()),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.one_of(
                    st.sampled_from(
                        [
                            "env",
                            "cron",
                            "formation",
                            "healthchecks",
                            "web",
                            "command",
                            "schedule",
                            "value",
                            "default",
                            "_meta",
                            "requires",
                            "path",
                        ]
                    ),
                    st.text(max_size=5),
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
)


def recognise_or_error(root: Path) -> Recognised | str:
    try:
        return recognise(root)
    except SkytierError as error:
        return str(error)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(NAMES, CONTENTS, max_size=6))
def test_any_files_are_recognised_or_one_clear_error(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = write(tmp_path_factory.mktemp("project"), files)
    found = recognise_or_error(root)
    assert found == recognise_or_error(root)
    if isinstance(found, str):
        assert found.strip()
        assert "\n" not in found
        return
    assert not (found.serve and found.run)
    assert all(isinstance(warning, str) and warning for warning in found.warnings)
    # All of it can be written to a file.
    json.dumps(asdict(found), ensure_ascii=False).encode()

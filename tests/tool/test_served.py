"""Whether what `serve` names is in the project or its packages, told from the files."""

import io
import tarfile
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.project.files import listing
from skytier.release import served
from skytier.release.application import Application
from tests.project.trees import write_dedented

THERE = {
    "a name": ({"shop.py": "app = 1"}, "shop:app"),
    "a function": ({"shop.py": "def app(environ, start): ..."}, "shop:app"),
    "a coroutine": ({"shop.py": "async def app(scope, receive, send): ..."}, "shop:app"),
    "a class's object": ({"shop.py": "class Site: app = 1"}, "shop:Site.app"),
    "an import": ({"shop.py": "from wsgiref.validate import validator as app"}, "shop:app"),
    "a module that is imported": ({"shop.py": "import os.path"}, "shop:os"),
    "one of several": ({"shop.py": "first, (app, *rest) = 1, (2, 3)"}, "shop:app"),
    "one with a type": ({"shop.py": "app: object = 1"}, "shop:app"),
    "in a block": ({"shop.py": "try:\n    app = 1\nfinally:\n    pass"}, "shop:app"),
    "a walrus": ({"shop.py": "print(app := 1)"}, "shop:app"),
    "by a loop": ({"shop.py": "for app in (1, 2): pass"}, "shop:app"),
    "by with": ({"shop.py": "with open('x') as app: pass"}, "shop:app"),
    "by global": ({"shop.py": "def make():\n    global app\n    app = 1\nmake()"}, "shop:app"),
    "by a star": ({"shop.py": "from other import *"}, "shop:app"),
    "by globals": ({"shop.py": "globals()['app'] = 1"}, "shop:app"),
    "by setattr": ({"shop.py": "import sys\nsetattr(sys, 'x', 1)"}, "shop:app"),
    "by __getattr__": ({"shop.py": "def __getattr__(name): return 1"}, "shop:app"),
    "by match": ({"shop.py": "match 1:\n    case app: pass"}, "shop:app"),
    "in a package": ({"shop/__init__.py": "", "shop/web.py": "app = 1"}, "shop.web:app"),
    "a package's own": ({"shop/__init__.py": "app = 1"}, "shop:app"),
    "a submodule": ({"shop/__init__.py": "", "shop/web.py": "app = 1"}, "shop:web.app"),
    "below src": ({"src/shop/__init__.py": "", "src/shop/web.py": "app = 1"}, "shop.web:app"),
    "without __init__.py": ({"shop/web.py": "app = 1"}, "shop.web:app"),
    "a compiled module": (
        {"shop/__init__.py": "", "shop/web.cpython-311-x86_64-linux-gnu.so": ""},
        "shop.web:app",
    ),
    "what cannot be parsed is Python's to say": ({"shop.py": "app = ("}, "shop:app"),
    "a package of others": ({"shop.py": ""}, "pretix.wsgi:application"),
    "what a build makes": (
        {"pyproject.toml": "[build-system]\nrequires = []", "shop/__init__.py": ""},
        "shop.made:app",
    ),
}
MISSING = {
    "no such name": ({"shop.py": "application = 1"}, "shop:app", "shop.py has no app"),
    "a name in a string": ({"shop.py": "x = 'app = 1'  # app"}, "shop:app", "shop.py has no app"),
    "a name that is only read": ({"shop.py": "print(app)"}, "shop:app", "shop.py has no app"),
    "an empty file": ({"shop.py": ""}, "shop:app", "shop.py has no app"),
    "no such module": (
        {"shop/__init__.py": "", "shop/web.py": "app = 1"},
        "shop.main:app",
        "the project has no module shop.main",
    ),
    "a module of a module": ({"shop.py": "app = 1"}, "shop.web:app", "no module shop.web"),
    "no such name below src": (
        {"src/shop/__init__.py": "site = 1"},
        "shop:app",
        "src/shop/__init__.py has no app",
    ),
}


def application(source: Path, files: dict[str, str], serve: str) -> Application:
    write_dedented(source, files)
    return Application(source, listing(source, []).files, None, serve)


@pytest.mark.parametrize("case", THERE)
def test_what_may_be_there_is_not_refused(tmp_path: Path, case: str) -> None:
    files, serve = THERE[case]
    assert served.check(application(tmp_path, files, serve)) is None


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    files, serve, said = MISSING[case]
    with pytest.raises(SkytierError) as error:
        served.check(application(tmp_path, files, serve))
    assert serve in error.value.what
    assert said in error.value.what


@pytest.mark.parametrize(
    ("serve", "is_there"),
    [
        ("pretix.wsgi:app", True),
        ("single:app", True),
        ("native:app", True),
        ("space.web:app", True),
        ("shop:app", True),
        ("mine.web:app", True),
        ("shopp:app", False),
        ("pret:app", False),
        ("lib:app", False),
        ("wsgiref.simple_server:demo_app", True),
    ],
)
def test_a_module_is_the_project_s_or_of_one_of_its_packages(
    tmp_path: Path, serve: str, is_there: bool
) -> None:
    archive = tmp_path / "libraries.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in (
            *("lib/pretix/wsgi.py", "lib/single.py", "lib/native.cpython-311.so"),
            *("lib/space/web.py", "compiled"),
        ):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    project = application(tmp_path / "source", {"shop.py": "", "mine/web.py": ""}, serve)
    if is_there:
        assert served.check_packages(project, archive) is None
    else:
        with pytest.raises(SkytierError, match=f"names {serve}, and neither the project nor"):
            served.check_packages(project, archive)

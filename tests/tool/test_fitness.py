"""What an application lacks to run somewhere, said before anything is changed."""

from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import cast

import pytest

from skytier.errors import SkytierError
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.release import fitness, of
from skytier.release.application import Application
from skytier.release.platform import Platform, systems_with
from skytier.secrets.variables import Summary
from skytier.stackfile import parse

OLD, NEW = Platform("3.11", "x86_64", 36), Platform("3.13", "x86_64", 41)
PROJECT = "[project]\nname = 'shop'\nrequires-python = '{}'\n"


def application(directory: Path, section: str = "", **files: str) -> Application:
    (directory / "requirements.txt").write_text("")
    for name, text in files.items():
        path = directory / name.replace("DOT", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    stack = parse(f'[application]\nserve = "shop:app"\nsource = "{directory}"\n{section}')
    return of(stack)


def test_a_required_secret_that_is_missing_is_told_with_the_command() -> None:
    section = parse(
        '[application]\nserve = "a:b"\nrequired_secrets = ["STRIPE_KEY", "MAIL_KEY"]\n'
        "env.MODE = 'x'"
    ).application
    fitness.check_secrets(section, Summary("f", ("STRIPE_KEY", "MAIL_KEY", "MORE")))
    with pytest.raises(SkytierError, match="needs secrets that nobody has set: MAIL_KEY, STR") as e:
        fitness.check_secrets(section, Summary())
    assert e.value.do.splitlines()[0] == "Set it: skytier secret set MAIL_KEY"
    with pytest.raises(SkytierError, match="MODE: set by application") as e:
        fitness.check_secrets(section, Summary("f", ("STRIPE_KEY", "MAIL_KEY", "MODE")))
    assert "skytier secret unset MODE" in e.value.do


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('required_secrets = ["A-B"]', "not the name of a variable"),
        ('required_secrets = ["PORT"]', "has PORT, which Skytier sets"),
        ('required_secrets = ["A"]\nenv.A = "1"', "names A, which application.env sets"),
    ],
)
def test_names_of_required_secrets_are_checked(section: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        parse(f'[application]\nserve = "a:b"\n{section}')


@pytest.mark.parametrize(
    ("files", "target", "file"),
    [
        ({}, OLD, None),
        ({"pyprojectDOTtoml": PROJECT.format(">=3.11")}, OLD, None),
        ({"pyprojectDOTtoml": PROJECT.format(">=3.12")}, OLD, "pyproject.toml"),
        ({"pyprojectDOTtoml": PROJECT.format("<3.13")}, NEW, "pyproject.toml"),
        ({"DOTpython-version": "3.12\n"}, OLD, ".python-version"),
        ({"DOTpython-version": "3.12\n"}, NEW, None),
        ({"DOTpython-version": "3.11.4\n"}, OLD, None),
        ({"DOTpython-version": "3.11", "runtimeDOTtxt": "python-3.9.1"}, OLD, None),
        (
            {"DOTpython-version": "3.11", "pyprojectDOTtoml": PROJECT.format(">=3.12")},
            OLD,
            "pyproject.toml",
        ),
    ],
)
def test_a_python_that_cannot_run_the_project_is_refused(
    tmp_path: Path, files: dict[str, str], target: Platform, file: str | None
) -> None:
    found = application(tmp_path, **files)
    if file is None:
        fitness.check_python_on(found, target, "debian-x")
        return
    with pytest.raises(SkytierError, match=f"needs Python .* \\({file}\\).*debian-x"):
        fitness.check_python_on(found, target, "debian-x")


def test_the_images_that_have_such_a_python_are_named(tmp_path: Path) -> None:
    with pytest.raises(SkytierError) as refused:
        fitness.check_python_on(
            application(tmp_path, pyprojectDOTtoml=PROJECT.format(">=3.13")), OLD, "debian-12"
        )
    assert refused.value.do == "Set web.image to another system: Debian 13 (Python 3.13)."
    assert systems_with("==3.12.*")[-1] == "Ubuntu 24.04 (Python 3.12)"
    nobody_has_it = application(tmp_path, pyprojectDOTtoml=PROJECT.format(">=3.99"))
    with pytest.raises(SkytierError) as refused:
        fitness.check_python_on(nobody_has_it, OLD, "debian-12")
    assert "No system that Skytier knows has it" in refused.value.do


def test_a_system_that_is_not_known_is_not_judged(tmp_path: Path) -> None:
    found = application(tmp_path, pyprojectDOTtoml=PROJECT.format(">=3.99"))
    fitness.check_python_on(found, None, "arch")
    with pytest.raises(SkytierError, match="and Skytier has Python"):
        fitness.check_python_here(found)


MANAGE = """\
    import os
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    """
SETTINGS = """\
    import os
    DEBUG = {debug}
    SECRET_KEY = {key}
    """
ENVIRONMENT = 'os.environ["SECRET_KEY"]'


@pytest.mark.parametrize(
    ("settings", "section", "said"),
    [
        ({"debug": "False", "key": ENVIRONMENT}, "", []),
        ({"debug": "True", "key": ENVIRONMENT}, "", ["DEBUG is True"]),
        ({"debug": "False", "key": '"django-insecure-x"'}, "", ["SECRET_KEY has a value in the"]),
        ({"debug": 'os.environ.get("DEBUG", True)', "key": ENVIRONMENT}, "", ["DEBUG is True"]),
        ({"debug": 'os.environ.get("DEBUG", True)', "key": ENVIRONMENT}, 'env.DEBUG = ""', []),
        ({"debug": "False", "key": 'os.environ.get("DJANGO_KEY", "x")'}, "", ["DJANGO_KEY is not"]),
        (
            {"debug": "False", "key": 'os.environ.get("DJANGO_KEY", "x")'},
            'required_secrets = ["DJANGO_KEY"]',
            [],
        ),
    ],
)
def test_settings_of_django_that_are_not_for_production_are_told(
    tmp_path: Path, settings: dict[str, str], section: str, said: list[str]
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / "shop/settings.py").write_text(dedent(SETTINGS.format(**settings)))
    found = application(tmp_path, section, manageDOTpy=MANAGE)
    told = fitness.warnings(found, OLD)
    assert len(told) == len(said), told
    assert all(part in text for part, text in zip(said, told, strict=True))


def test_the_settings_that_the_stack_file_names_are_those_that_count(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for name, debug in (("settings", True), ("production", False)):
        text = SETTINGS.format(debug=debug, key=ENVIRONMENT)
        (tmp_path / f"shop/{name}.py").write_text(dedent(text))
    section = "env.DJANGO_SETTINGS_MODULE = 'shop.production'"
    found = application(tmp_path, section, manageDOTpy=MANAGE)
    assert fitness.warnings(found, OLD) == []


def test_other_frameworks_are_told_in_the_same_way_and_another_python_too(tmp_path: Path) -> None:
    found = application(
        tmp_path,
        shopDOTpy="""\
            from fastapi import FastAPI
            app = FastAPI(debug=True)
            url = "sqlite:///shop.db"
            """,
    )
    (told,) = fitness.warnings(found, OLD)
    assert "debug=True" in told
    (tmp_path / ".python-version").write_text("3.11\n")
    names = fitness.warnings(application(tmp_path), NEW)
    assert names[0] == ".python-version names Python ==3.11.*; the application runs by Python 3.13."


@pytest.mark.parametrize(
    ("project", "secrets", "pinned", "said"),
    [
        (">=3.11", ("KEY",), None, None),
        (">=3.11", (), None, "needs a secret that nobody has set: KEY"),
        (">=3.12", ("KEY",), None, "needs Python >=3.12"),
        # It runs already.
        (">=3.12", (), "1-a", None),
    ],
)
def test_a_plan_on_a_cloud_is_checked(
    tmp_path: Path, project: str, secrets: tuple[str, ...], pinned: str | None, said: str | None
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(project))
    stack = parse(
        f'[application]\nserve = "shop:app"\nsource = "{tmp_path}"\nrequired_secrets = ["KEY"]'
    )
    resolved = SimpleNamespace(
        stack=stack,
        pinned=pinned,
        application=of(stack),
        platform=Platform.likely(("debian", (12,))),
        choices=SimpleNamespace(images={"web": SimpleNamespace(name="debian-12")}),
    )
    plan = Plan([], cast(ResolvedStack, resolved), "", None, Summary("f", secrets))
    if said is None:
        plan.check_application()
    else:
        with pytest.raises(SkytierError, match=said):
            plan.check_application()
    assert plan.warnings == []

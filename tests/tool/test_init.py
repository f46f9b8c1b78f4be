"""`skytier init` and `skytier doctor` where there is no cloud."""

import codecs
import json
import os
import pty
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from skytier.cli import init
from skytier.stackfile import StackFile, load
from tests.skytier_command import PROGRAM, Skytier

ROOT = Path(__file__).parents[2]


def test_a_file_of_defaults_is_written_and_never_over_another(
    fresh: Skytier, tmp_path: Path
) -> None:
    said = fresh.run("init", cwd=tmp_path)
    path = tmp_path / "skytier.toml"
    assert "Wrote skytier.toml" in said
    assert load(path) == StackFile()

    path.write_text("name = 'mine'\n")
    assert "skytier.toml is there already" in fresh.ends_with(1, "init", cwd=tmp_path)
    assert path.read_text() == "name = 'mine'\n"

    fresh.run("init", "--force", "--name", "shop", cwd=tmp_path)
    assert load(path) == StackFile(name="shop")


def test_a_wrong_name_writes_nothing(fresh: Skytier, tmp_path: Path) -> None:
    said = fresh.ends_with(1, "init", "--name", "Shop", cwd=tmp_path)

    assert 'name = "Shop" has other characters' in said
    assert not list(tmp_path.iterdir())


def test_what_was_chosen_is_told_to_scripts(fresh: Skytier, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"

    answer = json.loads(fresh.run("init", "--json", "--name", "shop", "--file", str(path)))

    assert answer == {
        "file": str(path),
        "chosen": {"name": "shop"},
        "why": {},
        "undecided": {},
        "warnings": [],
    }
    assert load(path).name == "shop"


def test_a_project_without_a_database_says_so_with_the_reason(
    fresh: Skytier, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("flask\n")
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    answer = json.loads(fresh.run("init", "--json", cwd=tmp_path))
    assert answer["chosen"]["application.requires"] == []
    text = (tmp_path / "skytier.toml").read_text()
    assert "Found: requirements.txt has no package for a database" in text
    assert not load(tmp_path / "skytier.toml").has_database

    (tmp_path / "requirements.txt").write_text("flask\npsycopg\n")
    answer = json.loads(fresh.run("init", "--json", "--force", cwd=tmp_path))
    assert "application.requires" not in answer["chosen"]
    assert load(tmp_path / "skytier.toml").has_database


@pytest.mark.parametrize(
    ("files", "asks"),
    [
        ({"requirements.txt": "pretix==2026.8.0"}, "What serves the application?"),
        (
            dict.fromkeys(("one.py", "two.py"), "import flask\n\napp = flask.Flask(__name__)\n")
            | {"requirements.txt": "flask"},
            "one:app",
        ),
    ],
)
def test_what_serves_is_asked_for_where_the_project_does_not_say_it(
    fresh: Skytier, tmp_path: Path, files: dict[str, str], asks: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    said = fresh.run("init", cwd=tmp_path)
    assert "! application.serve" in said
    assert asks in said
    assert "Set in it first: application.serve." in said
    assert load(tmp_path / "skytier.toml") == StackFile()


def test_a_checkout_of_skytier_runs_the_sample_application(fresh: Skytier, tmp_path: Path) -> None:
    for name in ("app/src", "bench/peers"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    said = fresh.run("init", "--yes", cwd=tmp_path)
    assert "!" not in said
    assert load(tmp_path / "skytier.toml") == StackFile()


def test_a_checkout_with_a_cloud_says_that_deploy_uses_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(init, "_look", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    hint = "./deploy.sh in this directory now uses the cloud mycloud, too"

    # The project of somebody else has a deploy.sh that is not ours.
    init.init(cloud="mycloud", yes=True)
    assert hint not in capsys.readouterr().out

    shutil.copytree(ROOT / "app/src", tmp_path / "app/src")
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    init.init(cloud="mycloud", yes=True, force=True)
    assert hint in capsys.readouterr().out


def test_processes_and_jobs_of_a_project_become_sections(fresh: Skytier, tmp_path: Path) -> None:
    lines = (
        *("web: gunicorn shop:app", "release: python migrate.py"),
        *("Mail_Worker: celery -A shop worker", "beat: celery -A shop beat"),
    )
    (tmp_path / "Procfile").write_text("\n".join(lines))
    (tmp_path / "requirements.txt").write_text("gunicorn\ncelery\n")
    (tmp_path / "shop.py").write_text("def app(environ, start_response): ...\n")
    cron = [
        {"command": "python shop.py sweep", "schedule": "*/15 3 * * 1-5"},
        {"command": "python shop.py", "schedule": "@monthly"},
    ]
    (tmp_path / "app.json").write_text(json.dumps({"cron": cron}))
    answer = json.loads(fresh.run("init", "--json", cwd=tmp_path))
    written = load(tmp_path / "skytier.toml").application
    assert [(each.name, each.run) for each in written.process] == [
        ("mail-worker", "celery -A shop worker")
    ]
    assert [(each.name, each.run, each.at) for each in written.job] == [
        ("sweep", "python shop.py sweep", "Mon..Fri *-*-* 03:00/15:00"),
        ("shop-py", "python shop.py", "monthly"),
    ]
    (warned,) = [each for each in answer["warnings"] if "beat" in each]
    assert "it would run on each web server" in warned


def test_a_person_is_asked_until_the_answer_is_good(fresh: Skytier, tmp_path: Path) -> None:
    answers = {
        "The stack's name": ["Shop", "shop"],
        "How many web servers": ["many", "200", "3"],
    }
    (tmp_path / "clouds.yaml").write_text("clouds: {}\n")
    environment = fresh.environment | {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}

    said = _converse(["init"], environment, tmp_path, answers)

    assert 'name = "Shop" has other characters' in said
    assert 'web.count = "many" is not a whole number' in said
    assert "web.count = 200 is too large" in said
    assert load(tmp_path / "skytier.toml").web.count == 3
    assert load(tmp_path / "skytier.toml").name == "shop"


PROJECT = {
    "app.json": """{"env": {
        "REGION": {"description": "Where the shop is."},
        "STRIPE_KEY": {"description": "The shop's key."},
        "JWT_SECRET": {"generator": "secret"},
        "SECRET_KEY": {"generator": "secret"}}}""",
    "main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
    "requirements.txt": "fastapi==0.121.0\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "clouds.yaml").write_text("clouds: {}\n")
    return tmp_path


def test_what_a_project_wants_from_its_operator_is_said(fresh: Skytier, project: Path) -> None:
    said = fresh.run("init", cwd=project)
    assert "! application.env.REGION Where the shop is." in " ".join(said.split())
    assert "STRIPE_KEY: The shop's key. Run: skytier secret set STRIPE_KEY" in said
    assert "Run: skytier secret generate JWT_SECRET" in said
    assert "generate SECRET_KEY" not in said
    assert "Set in it first: application.env.REGION." in said
    comments = (project / "skytier.toml").read_text().replace("\n# ", " ")
    assert "REGION: Where the shop is. STRIPE_KEY: The shop's key. JWT_SECRET: " in comments
    section = load(project / "skytier.toml").application
    assert section.env == {}
    # What they are is not in the file; `skytier up` asks for them before it changes anything.
    assert list(section.required_secrets) == ["STRIPE_KEY", "JWT_SECRET"]
    told = fresh.ends_with(1, "up", "--no-monitor", cwd=project)
    assert "STRIPE_KEY" in told
    assert "skytier secret set" in told


def test_a_person_is_asked_for_a_setting_and_never_for_a_secret(
    fresh: Skytier, project: Path
) -> None:
    environment = fresh.environment | {"OS_CLIENT_CONFIG_FILE": str(project / "clouds.yaml")}
    answers = {"The stack's name": [""], "REGION": ["north"], "How many web servers": [""]}
    said = _converse(["init"], environment, project, answers)
    assert load(project / "skytier.toml").application.env == {"REGION": "north"}
    assert "Set in it first" not in said


def _converse(
    arguments: list[str], environment: dict[str, str], cwd: Path, answers: dict[str, list[str]]
) -> str:
    """What a command says on a terminal, when each of its questions has its answers in turn."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(PROGRAM, [str(PROGRAM), *arguments], environment)
    said, seen = "", 0
    # What is read may end in the middle of a letter.
    decoder = codecs.getincrementaldecoder("utf-8")()
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            try:
                said += decoder.decode(os.read(terminal, 4096))
            except OSError:  # it has ended
                break
        asked = said[seen:].rstrip(" ")
        if asked.endswith(":"):
            for question, left in answers.items():
                if question in asked.splitlines()[-1] and left:
                    seen = len(said)
                    os.write(terminal, f"{left.pop(0)}\n".encode())
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said
    return said


def test_the_doctor_looks_at_this_machine_where_no_cloud_is_named(
    fresh: Skytier, tmp_path: Path
) -> None:
    answer = json.loads(fresh.run("doctor", "--json", cwd=tmp_path))

    assert answer["usable"]
    assert [check["name"] for check in answer["checks"]] == ["python", "ssh", "ssh-keygen"]
    python = answer["checks"][0]
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in python["said"]


def test_the_doctor_says_what_to_do_without_ssh(fresh: Skytier, tmp_path: Path) -> None:
    said = fresh.ends_with(1, "doctor", cwd=tmp_path, env={"PATH": str(tmp_path)})

    assert "There is no ssh." in said
    assert "apt-get install openssh-client" in said
    assert "Not usable yet: ssh, ssh-keygen." in said


def test_a_wrong_stack_file_is_said_with_its_line(fresh: Skytier, tmp_path: Path) -> None:
    (tmp_path / "skytier.toml").write_text("\nclod = 'x'\n")

    said = fresh.ends_with(1, "doctor", cwd=tmp_path)

    assert "skytier.toml, line 2: clod is not a key. Did you mean cloud?" in said


def test_an_unknown_cloud_is_said_with_those_that_there_are(fresh: Skytier, tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text("clouds:\n  nearby:\n    auth: {auth_url: http://x/v3}\n")
    environment = {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}

    said = fresh.ends_with(1, "doctor", "--cloud", "nearbuy", cwd=tmp_path, env=environment)

    assert "Cloud nearbuy was not found" in said
    assert "clouds.yaml: nearby." in said
    assert "needs clouds.yaml" in said


@pytest.mark.parametrize("command", ["init", "doctor"])
def test_the_commands_show_an_example_and_their_exit_codes(fresh: Skytier, command: str) -> None:
    said = fresh.run(command, "--help")

    assert "Exit codes: 0" in said
    assert said.strip().splitlines()[-1].strip().startswith(f"Example: skytier {command}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_clouds_are_completed_in_every_shell(fresh: Skytier, tmp_path: Path, shell: str) -> None:
    (tmp_path / "clouds.yaml").write_text(
        "clouds:\n  nearby: {auth: {}}\n  newer: {auth: {}}\n  far: {}\n"
    )
    words = "skytier doctor --cloud ne"
    environment = {
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "_SKYTIER_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": words,
        "COMP_CWORD": "3",
    }

    said = fresh.run(env=environment)

    assert "nearby" in said
    assert "newer" in said
    assert "far" not in said

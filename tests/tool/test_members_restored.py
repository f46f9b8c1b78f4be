"""What a restore of several members decides, and what a member does about one that it missed.

The programs are the machine's own. What they ask (etcd, Patroni, PostgreSQL) only tells, and fails.
"""

import os
import subprocess
from pathlib import Path

import pytest

from skytier import roles
from tests.roles.topology import TOPOLOGIES

STACK = TOPOLOGIES["backups of several members"]
PROGRAMS = "/usr/local/lib/skytier"
TOLD = """
log=/dev/null state=$HOME version=15 data=$HOME service=postgresql
tell() { echo "told $*"; }
fail() { echo "failed: $*"; exit 1; }
sql() { echo f; }
runs() { true; }
sleep() { true; }
install() { true; }
systemctl() { echo "systemctl $*"; }
runuser() { echo "Database system identifier: 7"; }
"""
"""Around the functions of a restore."""


def program(name: str) -> str:
    """One of the first member's."""
    files = roles.setup(STACK, next(iter(STACK.of("database")))).files
    return next(file.text for file in files if file.path == f"{PROGRAMS}/{name}")


def bash(script: str, home: Path, path: str = "") -> str:
    env = {"PATH": f"{path}:{os.environ['PATH']}", "HOME": str(home)}
    done = subprocess.run(
        ["bash", "-uo", "pipefail", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env=env,
    )
    return done.stdout + done.stderr


def restoring(asked: str, call: str, home: Path) -> str:
    """What a function of a restore says, where etcd and Patroni answer as `asked` defines."""
    _, _, functions = program("restore").partition("# The other members of the database")
    functions, _, _ = functions.partition("# For what is there now")
    held = functions.replace("/var/lib/skytier/backup/held", str(home / "held"))
    held = held.replace("/etc/postgresql", str(home))
    (home / "15/main").mkdir(parents=True, exist_ok=True)
    return bash(f"#{held}\n{TOLD}\n{asked}\n{call}; echo returned $?", home)


@pytest.mark.parametrize("key", ["leader", "history", "initialize", "restored"])
def test_patroni_is_not_told_to_go_on_while_etcd_does_not_take_all(
    tmp_path: Path, key: str
) -> None:
    """Otherwise the restore would end as if it were done, with no primary."""
    held = tmp_path / "held"
    held.touch()
    asked = f'ask() {{ case "$*" in *{key}*) return 1 ;; esac; }}\nctl() {{ echo "ctl $*"; }}'

    said = restoring(asked, "come_back", tmp_path)

    assert "failed: etcd does not answer" in said
    assert "returned" not in said
    assert "systemctl" not in said
    assert held.exists()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("""echo '{"pause": true}'""", "failed: Patroni is paused"),
        ("""echo '{"ttl": 20}'""", "returned 0"),
        ("return 1", "failed: etcd does not answer"),
        ("true", "failed: etcd does not answer"),
    ],
)
def test_a_restore_begins_only_if_patroni_is_known_to_decide(
    tmp_path: Path, config: str, said: str
) -> None:
    asked = f'ask() {{ case "$*" in *config*) {config} ;; esac; }}'
    assert said in restoring(asked, "may_begin", tmp_path)


@pytest.mark.parametrize(
    ("config", "resumes", "code"),
    [
        ("""echo '{"ttl": 20}'""", "false", 0),
        ("""echo '{"pause": true}'""", "true", 0),
        ("""echo '{"pause": true}'""", "false", 1),
        # No answer is not "it decides again".
        ("return 1", "false", 1),
    ],
)
def test_patroni_that_stays_paused_is_told(
    tmp_path: Path, config: str, resumes: str, code: int
) -> None:
    asked = f'ask() {{ case "$*" in *config*) {config} ;; esac; }}\nctl() {{ {resumes}; }}'
    assert f"returned {code}" in restoring(asked, "resume", tmp_path)
    assert "resume || fail" in program("restore")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Commands that a member's programs call. PostgreSQL and etcd tell what the variables say."""
    texts = {
        "runuser": 'echo "$RECOVERS"',
        # Only one voter answers, where any does.
        "etcdctl": 'echo "$*" | grep -q "${VOTER:-no voter}" && echo "$WANTED"',
        "systemctl": '[ "$2" != restart ] || echo "restarts $3"',
    }
    directory = tmp_path / "bin"
    directory.mkdir()
    for name, text in texts.items():
        (directory / name).write_text(f"#!/bin/bash\n{text}\n")
        (directory / name).chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").touch()
    (tmp_path / "conf").write_text(f"pg1-path={data}\n")
    for name in ("duty", "lineage"):
        text = program(f"backup-{name}").replace(PROGRAMS, str(directory))
        text = text.replace("/etc/pgbackrest/conf.d/skytier.conf", str(tmp_path / "conf"))
        (directory / f"backup-{name}").write_text(text)
        (directory / f"backup-{name}").chmod(0o755)
    return directory


OWN, ANOTHER = "192.168.128.20", "192.168.128.22"


@pytest.mark.parametrize(
    ("recovers", "voter", "mark", "restarts"),
    [
        # It has what was before the restore, and follows.
        ("t", OWN, "former", True),
        ("t", ANOTHER, "former", True),
        ("t", OWN, "this", False),
        # Without a majority the primary goes on only if all others answer it.
        ("t", "", "former", False),
        # PostgreSQL does not run: half a clone has no mark yet.
        ("", OWN, "", False),
    ],
)
def test_patroni_is_started_anew_only_with_data_from_before_a_restore(
    tmp_path: Path, commands: Path, recovers: str, voter: str, mark: str, restarts: bool
) -> None:
    (tmp_path / "data/skytier.restored").write_text(mark)
    variables = f"export RECOVERS={recovers} VOTER={voter} WANTED=this"

    said = bash(f"{variables}\n{commands}/backup-duty; echo $?", tmp_path, str(commands))

    assert said == ("restarts skytier-patroni\n" if restarts else "") + "1\n"


@pytest.mark.parametrize(
    ("voter", "mark", "code", "cloned"),
    [
        (OWN, "this", 0, False),
        (ANOTHER, "this", 0, False),
        ("", "this", 1, False),
        # Another member leads, by what etcd says here.
        (ANOTHER, "former", 0, True),
    ],
)
def test_patroni_starts_only_with_what_was_restored_by_whichever_voter_answers(
    tmp_path: Path, commands: Path, voter: str, mark: str, code: int, cloned: bool
) -> None:
    (tmp_path / "data/skytier.restored").write_text(mark)
    script = f"export VOTER={voter} WANTED=this\n{commands}/backup-lineage; echo $?"

    said = bash(script, tmp_path, str(commands))

    assert f"{code}" in said.splitlines()
    assert ([*(tmp_path / "data").iterdir()] == []) is cloned

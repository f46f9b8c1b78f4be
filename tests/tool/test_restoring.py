"""A restore: what is decided from what the machine says, with one that only tells."""

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from skytier import roles
from skytier.deploy import restore
from skytier.deploy.restore import Intended, Stand
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.pgbackrest.config import STATE
from skytier.services.pgbackrest.copy import DIRECTORY, Place, restoring
from skytier.services.pgbackrest.target import Target
from skytier.stackfile.backup import SECOND
from tests.roles.topology import TOPOLOGIES

from .test_backup import THERE


@dataclass
class Machine:
    """Says its stand and how a restore ended; PostgreSQL answers if `tables` are known."""

    stand: str
    tables: str = ""
    said: str = ""
    name: str = "shop-database-1"
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, stdin: bytes = b"") -> str:
        self.ran.append(command)
        if "pg_tables" in command:
            assert self.tables, "PostgreSQL is stopped."
            return self.tables
        if "is-active" in command:
            return self.stand if "foreign" in command else "inactive"
        return self.said


def told(machine: Machine) -> Host:
    return cast(Host, cast(Any, machine))


@pytest.mark.parametrize(
    ("machine", "stand"),
    [
        (Machine(""), Stand(False, False, False)),
        (Machine("foreign", tables="0"), Stand(False, False, True)),
        # PostgreSQL does not answer in the middle of a restore.
        (Machine("foreign unfinished"), Stand(False, True, True)),
        (Machine("foreign running"), Stand(True, False, True)),
        (Machine("unfinished"), Stand(False, True, False)),
        # That the second place has backups of another database is no matter of the first one.
        (Machine("foreign-second", tables="3"), Stand(False, False, False)),
    ],
)
def test_a_restore_on_a_new_server_that_was_cut_short_goes_on(
    machine: Machine, stand: Stand
) -> None:
    restore.check_stand(told(machine), Intended(Target("default"), stand, first=False))


def test_tables_that_no_backup_has_are_not_overwritten() -> None:
    machine = told(Machine("foreign", tables="3"))
    with pytest.raises(SkytierError, match="has tables"):
        restore.check_stand(machine, Intended(Target("default"), Stand(False, False, True), False))
    machine = told(Machine("foreign-second", tables="3"))
    with pytest.raises(SkytierError, match="has tables"):
        restore.check_stand(
            machine, Intended(Target("default", place=SECOND), Stand(False, False, False), False)
        )


@pytest.mark.parametrize(
    ("stand", "why", "advice"),
    [
        ("", "PostgreSQL does not answer, so no backup can be made of it", "--without-backup"),
        (
            "",
            "No backup could be made of what is there now. pgBackRest says: full",
            "Fix the cause",
        ),
        ("unfinished", "requested timeline 3 is not a child of", "timeline has no backup"),
        (
            "foreign unfinished",
            "pgBackRest could not restore: gone",
            "The data is unfinished. Go on",
        ),
    ],
)
def test_the_reason_of_a_failed_restore_is_told_with_its_advice(
    stand: str, why: str, advice: str
) -> None:
    machine = Machine(stand, said=f"failed\n{why}")
    with pytest.raises(SkytierError) as error:
        restore.restore(
            told(machine), Intended(Target("default"), Stand(False, False, False), True), print
        )
    assert why in error.value.what
    assert advice in (error.value.do or "")
    assert ("--without-backup" in (error.value.do or "")) == (advice == "--without-backup")


def test_one_that_is_going_on_is_not_begun_again() -> None:
    machine = Machine("", said="done")
    restore.restore(
        told(machine), Intended(Target("default"), Stand(True, False, False), True), print
    )
    assert not any("systemctl start" in command for command in machine.ran)


def test_a_backup_of_another_version_of_postgresql_is_refused_before_anything_changes() -> None:
    backup = replace(THERE.newest, version="14")
    restore.check_version(backup, "14", "shop-database-1")
    restore.check_version(THERE.newest, "15", "shop-database-1")
    with pytest.raises(SkytierError, match="is of PostgreSQL 14, and shop-database-1 has 15"):
        restore.check_version(backup, "15", "shop-database-1")


@pytest.mark.parametrize(
    ("unit", "told", "said"),
    [
        (
            "activating",
            "copying the files",
            "A restore of the database goes on: copying the files.",
        ),
        ("activating", "", "A restore of the database goes on: beginning."),
        ("inactive", "copying the files", "was interrupted. Go on with it: skytier restore --to"),
    ],
)
def test_a_check_tells_a_restore_that_goes_on_from_one_that_was_cut_short(
    tmp_path: Path, unit: str, told: str, said: str
) -> None:
    stack = TOPOLOGIES["backups in a directory"]
    [machine] = stack.of("database")
    script = next(
        each.script for each in roles.setup(stack, machine).checks if each.name == "backup"
    )
    (tmp_path / "unfinished").touch()
    if told:
        (tmp_path / "restore").write_text(f"{told}\n")
    script = f"systemctl() {{ echo {unit}; }}\n{script.replace(STATE, str(tmp_path))}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stdout


def test_a_moment_that_one_place_lacks_may_be_in_the_other() -> None:
    why = (
        "PostgreSQL could not replay the changes: recovery ended before configured recovery target"
    )
    machine = told(Machine("unfinished", said=f"failed\n{why}"))
    stand = Stand(False, False, False)
    for others, advice in (([], "--to latest"), ([SECOND], "other place: --from second")):
        with pytest.raises(SkytierError) as error:
            restore.restore(machine, Intended(Target("time"), stand, True, others), print)
        assert str(error.value.do).endswith(advice)


RESTORES = {
    "one": "backups in a directory",
    "one, of two places": "backups in two places",
    "several": "backups of several members",
    "several, of two places": "backups of several members in two places",
}
PROGRAM = "/usr/local/lib/skytier/restore"
MACHINE = """
type=time target=2026 set=F timeline=1 place=first service=postgresql before=0
tell() { echo "told $*"; }
fail() { echo "failed: $*"; exit 1; }
pgbackrest() { printf 'pgbackrest %s\\n' "$@" >>$state/calls; }
systemctl() { echo "systemctl $*" >>$state/calls; }
sleep() { true; }
"""
"""What the recovery calls, on a machine that only tells."""


def recovery(kind: str, home: Path, more: str) -> str:
    """What the recovery of a restore says: from pgBackRest to the start without its settings."""
    if kind == "a copy":
        place = Place("", {}, {})
        files = restoring(place, Target("time"), "15", watched=False).files
        path = f"{DIRECTORY}/program"
    else:
        stack = TOPOLOGIES[RESTORES[kind]]
        files, path = roles.setup(stack, stack.of("database")[0]).files, PROGRAM
    program = next(file.text for file in files if file.path == path)
    _, _, text = program.partition("# shellcheck disable=SC2016 # for the shell of PostgreSQL")
    text, _, _ = text.partition("\n(\n    set -eo pipefail")
    assert text
    script = f"state={home} log={home}/log\n{MACHINE}\n{more}\n{text.replace(STATE, str(home))}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


RESTORED = """
sql() {
    case "$*" in
        *pg_is_in_recovery*) if [ -e $state/tried ]; then echo f; else touch $state/tried; fi ;;
        *) echo "sql $*" >>$state/calls ;;
    esac
}
runs() { true; }
"""


@pytest.mark.parametrize("kind", [*RESTORES, "a copy"])
def test_fewer_connections_than_when_the_backup_was_made_end_no_recovery(
    tmp_path: Path, kind: str
) -> None:
    """Hot standby needs as many. It is on again before the database serves: replicas need it."""
    said = recovery(kind, tmp_path, RESTORED)
    assert "failed" not in said, said
    calls = (tmp_path / "calls").read_text().splitlines()
    off = calls.index("pgbackrest --recovery-option=hot_standby=off")
    started = calls.index("systemctl start --no-block postgresql")
    reset = calls.index("sql --command=ALTER SYSTEM RESET hot_standby")
    assert off < started < reset < calls.index("systemctl restart postgresql")


def test_the_progress_of_a_recovery_comes_from_the_log_of_this_start(tmp_path: Path) -> None:
    earlier = 'LOG:  restored log file "0000000100000000000000FF" from archive\n'
    (tmp_path / "log").write_text(earlier)
    starts = f"""
    systemctl() {{
        [ "$1" = start ] || return 0
        cat >>{tmp_path}/log <<'END'
LOG:  restored log file "00000002.history" from archive
LOG:  restored log file "00000002000000000000000A" from archive
LOG:  restored log file "00000002000000000000000B" from archive
FATAL:  the database system is not accepting connections
END
    }}
    """
    said = recovery("one", tmp_path, RESTORED + starts)
    assert "told replaying the changes since: at the WAL segment 00000002000000000000000B\n" in said
    assert "FF" not in said


def test_those_who_were_not_let_in_meanwhile_do_not_hide_why_a_recovery_failed(
    tmp_path: Path,
) -> None:
    refused = "".join(
        f"FATAL:  the database system is {why}\n"
        for why in ("starting up", "not accepting connections", "not yet accepting connections")
    )
    failed = """
    sql() { return 1; }
    runs() { false; }
    systemctl() { [ "$1" != start ] || cat $state/starting >>$log; }
    """
    why = "FATAL:  recovery ended before configured recovery target was reached\n"
    last = "LOG:  last completed transaction was at log time 2026-11-29 01:30:00+00\n"
    (tmp_path / "starting").write_text(refused * 3 + last + refused * 3 + why + refused * 3)
    (tmp_path / "log").touch()
    said = recovery("one", tmp_path, failed)
    assert said.endswith(f"failed: PostgreSQL could not replay the changes: {last}{why}")

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

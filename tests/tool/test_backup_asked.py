"""Which machine is asked about backups, and which backups count; with machines that only tell."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy import backups as on_machine
from skytier.deploy.keeper import OTHER, PRIMARY
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.commands import backups, database
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.stack import CloudStack
from skytier.services.pgbackrest.config import HOMES, STATE
from skytier.services.pgbackrest.info import Backups
from skytier.services.pgbackrest.secrets import KEY
from skytier.stackfile import parse
from skytier.stackfile.backup import FIRST, SECOND

from .test_backup import THERE
from .test_backup import backup as made_at

TWO = parse(
    'name = "shop"\ndatabase.members = 2\n[backup]\nkind = "path"\npath = "/mnt/shared"\n'
    '[backup.second]\nkind = "path"\npath = "/mnt/elsewhere"\n'
)
NEWER = Backups([made_at(40), made_at(1)], place=SECOND)


@dataclass
class Machine:
    """A member, which says what it is; nothing if it does not answer."""

    name: str
    is_: str

    def run(self, script: str, stdin: bytes = b"") -> str:
        if not self.is_:
            raise SkytierError("It does not answer.", "Wait.")
        return self.is_


@pytest.fixture
def stack(tmp_path: Path) -> CloudStack:
    """A stack with two members, of which `members` says what they are."""
    made = SimpleNamespace(stack=TWO, operator=OperatorFiles(tmp_path))
    return cast(CloudStack, cast(Any, made))


def members(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    @contextmanager
    def machines(stack: CloudStack, *, that_run: bool) -> Iterator[Mapping[str, Machine]]:
        named = [Machine(f"shop-database-{n}", each) for n, each in enumerate(words, 1)]
        yield {each.name: each for each in named}

    monkeypatch.setattr(database, "machines", machines)


def test_any_member_that_answers_has_the_key(
    stack: CloudStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "read_secrets", lambda host: {KEY: f"that of {host.name}"})
    members(monkeypatch, "", "")
    with pytest.raises(SkytierError, match="neither on the database server nor on this machine"):
        backups.key(stack)

    members(monkeypatch, "", OTHER)
    assert backups.key(stack) == "that of shop-database-2"

    # Now it is kept here.
    members(monkeypatch, "", "")
    assert backups.key(stack) == "that of shop-database-2"


@pytest.mark.parametrize(
    ("arrive", "among", "counts"),
    [
        ({FIRST, SECOND}, None, NEWER),
        ({FIRST}, None, THERE),
        (set(), None, None),
        # `down` asks only for the places that stay.
        ({FIRST, SECOND}, [FIRST], THERE),
        ({SECOND}, [FIRST], None),
        ({FIRST, SECOND}, [], None),
    ],
)
def test_a_backup_counts_if_what_is_written_arrives_in_its_place(
    stack: CloudStack,
    monkeypatch: pytest.MonkeyPatch,
    arrive: set[str],
    among: list[str] | None,
    counts: Backups | None,
) -> None:
    members(monkeypatch, OTHER, PRIMARY)
    there = {FIRST: THERE, SECOND: NEWER}
    monkeypatch.setattr(on_machine, "listing", lambda host, place: there[place])
    monkeypatch.setattr(on_machine, "arrive", lambda host, place, among: place in arrive)
    assert backups.newest(stack, among) == (counts.newest if counts else None)


@pytest.mark.parametrize(
    ("noted", "postgresql", "arrive"),
    [
        ("", "echo yes", True),
        # pg_stat_archiver has no such row; PostgreSQL is stopped; no backups were set up.
        ("", "echo", False),
        ("", "exit 2", False),
        (None, "echo yes", False),
        # The backups are of another database, or this one is half restored.
        ("foreign", "echo yes", False),
        ("unfinished", "echo yes", False),
    ],
)
def test_what_is_written_does_not_arrive_in_backups_of_another_database(
    tmp_path: Path, noted: str | None, postgresql: str, arrive: bool
) -> None:
    state = tmp_path / "state"
    if noted is not None:
        state.mkdir()
        (state / (noted or "completed")).touch()
    (tmp_path / "runuser").write_text(f"#!/bin/sh\n{postgresql}\n")
    (tmp_path / "runuser").chmod(0o700)

    assert on_machine.arrive(here(tmp_path)) is arrive


@pytest.mark.parametrize(
    ("noted", "dropped", "completed", "arrive"),
    [
        ("", "", "", True),
        ("foreign", "", "", True),
        ("foreign-second", "", "", False),
        ("", "100", "", False),
        ("", "100", "90", False),
        ("", "100", "110", True),
    ],
)
def test_what_was_dropped_for_a_place_does_not_arrive_there(
    tmp_path: Path, noted: str, dropped: str, completed: str, arrive: bool
) -> None:
    (tmp_path / "state").mkdir()
    spool = tmp_path / "spool"
    spool.mkdir()
    (tmp_path / "runuser").write_text("#!/bin/sh\necho yes\n")
    (tmp_path / "runuser").chmod(0o700)
    if noted:
        (tmp_path / "state" / noted).touch()
    if dropped:
        (spool / "dropped").write_text(f"{dropped}\n")
    if completed:
        (tmp_path / "state" / "completed-second").write_text(f"{completed}\n")
    machine = here(tmp_path, {HOMES[SECOND].spool: str(spool)})
    assert on_machine.arrive(machine, SECOND, among=(FIRST, SECOND)) is arrive


def here(tmp_path: Path, paths: Mapping[str, str] = MappingProxyType({})) -> Host:
    """A machine whose state is in a directory here, and whose commands are there, too."""

    class Here:
        def run(self, script: str) -> str:
            for path, other in {STATE: str(tmp_path / "state"), **paths}.items():
                script = script.replace(path, other)
            done = subprocess.run(
                ["bash", "-c", script],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            )
            return done.stdout

    return cast(Host, cast(Any, Here()))

"""What the commands about backups say and ask, with a stack that only tells."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from skytier.cli import backup, chosen, restore
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import down
from skytier.deploy.backups import Verified
from skytier.deploy.kind import Found, Key
from skytier.deploy.restore import Intended, Stand
from skytier.errors import SkytierError
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan.planned import Removal
from skytier.services.pgbackrest.info import Backup, Backups
from skytier.services.pgbackrest.target import Target
from skytier.stackfile import StackFile, parse

from .test_backup import THERE, TO_CLOUD, TO_S3

TO_PATH = parse('name = "shop"\nbackup = {kind = "path", path = "/srv/backups"}')
SHARED = parse(
    'name = "shop"\ndatabase.members = 2\nbackup = {kind = "path", path = "/mnt/shared"}'
)
SERVER = Found(Key("server", "shop-database-1"), "1", {}, {"role": "database"})
GOING = Removal([SERVER], empty=False)
VOLUME = Found(Key("volume", "shop-database-1"), "2", {}, {})
CONTAINER = Found(Key("container", "shop-backups"), "shop-backups", {}, {"objects": 3, "bytes": 9})
EMPTY = Found(Key("container", "shop-backups"), "shop-backups", {}, {"objects": 0, "bytes": 0})
PURGED = Removal([SERVER, CONTAINER], empty=False, purge=True)
WITHOUT_BACKUPS = parse('name = "shop"')


@dataclass
class Stack:
    """Notes down what it is asked for."""

    stack: StackFile = TO_CLOUD
    key: str = "the key"
    newest: Backup | None = THERE.newest
    stand: Stand = field(default_factory=lambda: Stand(False, False, False))
    healthy: bool = True
    asked: list[str] = field(default_factory=list)
    cloud: str = "mycloud"
    operator: OperatorFiles = field(default_factory=lambda: OperatorFiles(Path("/nowhere")))

    def backups(self) -> list[Backups]:
        return [THERE]

    def newest_backup(self, among: list[str]) -> Backup | None:
        assert among
        return self.newest

    def backup_key(self) -> str:
        if not self.key:
            raise SkytierError("The key is not known.", "Ask.")
        return self.key

    def back_up(self, kind: str, progress: Any) -> None:
        self.asked.append(f"back up {kind}")

    def verify_backups(self) -> Verified:
        return Verified("status: error", wrong=True)

    def restore_intended(
        self, asked: str, place: str | None = None, *, without_backup: bool = False
    ) -> Intended:
        return Intended(Target("time", words="its state of then"), self.stand, not without_backup)

    def restore_to(self, approved: Intended, progress: Any) -> None:
        self.asked.append("restore")

    def status(self) -> Any:
        return SimpleNamespace(healthy=self.healthy)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    monkeypatch.setattr(chosen, "stack_file", lambda file, cloud: made.stack)
    monkeypatch.setattr(chosen, "cloud_stack", lambda wanted: made)
    monkeypatch.setattr(restore, "HEALTHY_S", 0)
    return made


def test_a_list_for_people_and_for_scripts(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    backup.list_all()
    said = capsys.readouterr().out
    assert all(each.name in said for each in THERE.all)
    assert "Any moment since 2026-11-28 06:00:01 UTC can be restored" in said
    backup.list_all(as_json=True)
    rows = json.loads(capsys.readouterr().out)["backups"]
    assert [row["timeline"] for row in rows] == [1, 1, 2]


def test_what_verify_finds_is_an_error(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SkytierError, match="missing or damaged"):
        backup.verify()
    with pytest.raises(typer.Exit) as error:
        backup.verify(as_json=True)
    assert error.value.exit_code == 1
    assert json.loads(capsys.readouterr().out)["good"] is False


@pytest.mark.parametrize(
    ("stand", "without", "said"),
    [
        (Stand(False, False, False), False, "It is backed up first"),
        (Stand(False, False, False), True, "without a backup of it"),
        (Stand(False, True, False), False, "An earlier restore was interrupted"),
        (Stand(False, False, True), False, "It is empty now"),
        (Stand(True, False, False), False, "A restore is going on"),
    ],
)
def test_what_is_overwritten_is_said_before(
    stack: Stack, capsys: pytest.CaptureFixture[str], stand: Stand, without: bool, said: str
) -> None:
    stack.stand = stand
    restore.restore("-1h", without_backup=without, yes=True)
    assert said in capsys.readouterr().out
    assert stack.asked == ["restore"]


def test_what_becomes_of_other_members_is_said_before(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    restore.restore("-1h", yes=True)
    assert "other members" not in capsys.readouterr().out
    stack.stack = SHARED
    restore.restore("-1h", yes=True)
    assert "Then the other members are cloned" in capsys.readouterr().out


def test_nothing_is_overwritten_without_a_yes(stack: Stack) -> None:
    with pytest.raises(SkytierError, match="overwrites data"):
        restore.restore("-1h")
    assert stack.asked == []


def test_a_stack_that_is_not_healthy_afterwards_is_an_error_with_what_to_do(stack: Stack) -> None:
    stack.healthy = False
    with pytest.raises(SkytierError, match="restored, and the stack is not healthy") as error:
        restore.restore("-1h", yes=True)
    assert "skytier rollback" in (error.value.do or "")
    with pytest.raises(SkytierError, match="restored, and the stack is not healthy"):
        restore.restore("-1h", yes=True, as_json=True)


def approve(
    stack: Stack,
    removal: Removal = GOING,
    *,
    last_backup: bool | None = None,
    delete_data: bool = False,
) -> bool:
    context = Context(cast(Any, stack), None, yes=True, as_json=False)
    return down.approve(context, removal, last_backup=last_backup, delete_data=delete_data)


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (WITHOUT_BACKUPS, [SERVER]),
        (WITHOUT_BACKUPS, [VOLUME]),
        (TO_PATH, [SERVER]),
        # It was asked to go, or no backup was ever made.
        (TO_CLOUD, [SERVER, CONTAINER]),
        (TO_CLOUD, [SERVER, EMPTY]),
    ],
)
def test_the_only_copy_of_the_data_is_deleted_only_when_that_is_said(
    stack: Stack, to: StackFile, found: list[Found]
) -> None:
    stack.stack = to
    removal = Removal(found, empty=False)
    with pytest.raises(SkytierError, match="has the only copy of its database") as error:
        approve(stack, removal)
    assert "skytier database export FILE" in (error.value.do or "")
    assert approve(stack, removal, delete_data=True)


def test_backups_count_only_if_there_is_one(stack: Stack) -> None:
    stack.newest = None
    for stack.stack in (TO_CLOUD, TO_S3):
        with pytest.raises(SkytierError, match="no backup of its database was found"):
            approve(stack)
        assert approve(stack, delete_data=True)


def test_a_directory_that_members_share_stays_with_its_key(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.stack = SHARED
    with pytest.raises(SkytierError, match="the backups outlives the servers"):
        approve(stack)
    assert approve(stack, delete_data=True, last_backup=True)
    assert stack.asked == ["back up diff"]
    assert "is in /nowhere/backup_key" in capsys.readouterr().out
    stack.key = ""
    with pytest.raises(SkytierError, match="the backups that stay would be worthless"):
        approve(stack, delete_data=True)


def test_a_stack_whose_first_up_failed_before_it_had_a_key_can_be_deleted(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.stack, stack.key, stack.newest = TO_S3, "", None
    assert approve(stack, delete_data=True)
    assert "The key is not known." in capsys.readouterr().err
    with pytest.raises(SkytierError, match="Nothing is deleted"):
        approve(stack, delete_data=True, last_backup=True)


@pytest.mark.parametrize("kind", ["server", "network"])
def test_what_has_no_data_goes_without_a_word(stack: Stack, kind: str) -> None:
    stack.stack = WITHOUT_BACKUPS
    found = Found(Key(kind, "shop-web-1"), "3", {}, {"role": "web"})
    assert approve(stack, Removal([found], empty=False))


def test_down_makes_sure_of_the_key_and_makes_a_last_backup_if_that_is_wished(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(stack)
    assert stack.asked == []
    assert "is in /nowhere/backup_key" in capsys.readouterr().out
    assert approve(stack, last_backup=True)
    assert stack.asked == ["back up diff"]


def test_down_leaves_no_backups_that_nobody_can_restore(stack: Stack) -> None:
    stack.key = ""
    with pytest.raises(SkytierError, match="Nothing is deleted: the backups that stay") as error:
        approve(stack)
    assert "bring the database server back" in (error.value.do or "")
    assert approve(stack, PURGED, delete_data=True)
    # The bucket of another S3 stays in any case.
    stack.stack = TO_S3
    with pytest.raises(SkytierError, match="Nothing is deleted: the backups that stay"):
        approve(stack, PURGED)


@pytest.mark.parametrize(("to", "removal"), [(TO_PATH, GOING), (TO_CLOUD, PURGED)])
def test_no_last_backup_is_made_where_it_would_be_lost(
    stack: Stack, to: StackFile, removal: Removal
) -> None:
    stack.stack = to
    with pytest.raises(SkytierError, match="a last one would be lost"):
        approve(stack, removal, last_backup=True)
    assert stack.asked == []


def test_a_script_is_told_where_the_key_is(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    context = Context(cast(Any, stack), None, yes=True, as_json=True)
    down.tell(context, GOING, changed=True)
    assert json.loads(capsys.readouterr().out)["backup_key"] == "/nowhere/backup_key"
    down.tell(context, PURGED, changed=True)
    assert "backup_key" not in json.loads(capsys.readouterr().out)


def test_down_says_that_backups_on_the_server_go_with_it(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.stack = TO_PATH
    assert approve(stack, delete_data=True)
    assert "go with it" in capsys.readouterr().err
    stack.stack = SHARED
    assert approve(stack, delete_data=True)
    assert "stay there" in capsys.readouterr().err

"""A database that got other data, from a backup or a dump: the next release migrates again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy import copy as on_machine
from skytier.deploy import restore
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, plan
from skytier.deploy.restore import Intended, Stand
from skytier.deploy.update import RELEASE, SERVER
from skytier.openstack.commands import backups, copy, database, psql
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.releases import (
    PINNED,
    Releases,
    note_migrations,
    releases_anew,
    steps_of_release,
)
from skytier.openstack.resources.server import Server
from skytier.services.pgbackrest.target import Target
from tests.tool.test_order import all_wanted, stack_of

WEB = [f"skytier-web-{number}" for number in (1, 2)]


@dataclass
class Nova:
    """The servers of a stack, with what is noted on them."""

    there: Mapping[str, Found] = field(default_factory=dict)

    def find(self) -> list[Found]:
        return list(self.there.values())

    def note(self, server_id: str, metadata: Mapping[str, str]) -> None:
        self.there[server_id].facts["metadata"].update(metadata)


def servers(**metadata: str) -> Nova:
    """Two web servers and a database, with the same release; `metadata` is of each."""
    _, found = stack_of(2)
    made = {}
    for key, each in found.items():
        if key.kind == SERVER:
            number = int(key.name[-1])
            release = found[Key(RELEASE, WEB[0])].attributes["release"]
            of_web = {Releases.metadata: release, **metadata}
            noted = of_web if each.facts["role"] == "web" else {}
            made[each.id] = replace(each, facts={**each.facts, "number": number, "metadata": noted})
    return Nova(made)


def planned(nova: Nova) -> list[Step]:
    stack, up = stack_of(2)
    releases = {each.key: each for each in Releases.among(nova.find())}
    found = Known({**up, **{each.key: each for each in nova.find()}, **releases})
    return plan(all_wanted(stack, found), found.values(), RULES)


def changes(steps: list[Step]) -> list[tuple[Action, Key]]:
    return [(step.action, step.key) for step in steps if step.action is not Action.KEEP]


def test_the_next_release_migrates_though_the_source_is_the_same() -> None:
    nova = servers()
    assert changes(planned(nova)) == []

    note_migrations(cast(Server, nova))

    steps = planned(nova)
    assert changes(steps) == [(Action.CHANGE, Key(RELEASE, WEB[0]))]
    [step] = [step for step in steps if step.action is not Action.KEEP]
    assert "other data, from a backup or a dump: its migrations run" in step.reason
    # `skytier release` does so, too. No release begins for the operator's own hooks.
    assert changes(steps_of_release(steps)[0]) == changes(steps)
    assert not releases_anew(steps)


def test_a_release_that_a_rollback_led_to_migrates_nothing() -> None:
    nova = servers(**{PINNED: "an earlier one"})
    note_migrations(cast(Server, nova))
    assert [each.fault for each in Releases.among(nova.find())] == ["", ""]


class Stack:
    """A stack whose commands reach no machine: what they ask comes to nothing."""

    def __init__(self) -> None:
        self.stack = SimpleNamespace(
            name="shop",
            database=SimpleNamespace(members=1),
            monitor=SimpleNamespace(enabled=False),
        )
        self.project = None

    def held(self, what: str, lost: Any) -> Any:
        return nullcontext()


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was noted on web servers until a restore or an import begins, and after it."""
    events: list[str] = []
    host = SimpleNamespace(name="shop-database-1", words=list)

    @contextmanager
    def target(stack: Any, machine: str) -> Iterator[Any]:
        yield host

    for module in (database, copy):
        monkeypatch.setattr(module, "ssh_target", target)
    for module in (backups, copy, psql):
        monkeypatch.setattr(module, "note_migrations", lambda servers: events.append("noted"))
        monkeypatch.setattr(module, "Server", lambda project: None)

    def restored(*what: Any, **how: Any) -> Target:
        events.append("restored")
        return Target("default")

    monkeypatch.setattr(restore, "check_stand", lambda host, approved: None)
    monkeypatch.setattr(restore, "restore", restored)
    monkeypatch.setattr(on_machine, "restore", restored)
    for module in (backups, copy):
        monkeypatch.setattr(module, "one_step", lambda _, host, run, progress: run(str))
    return events


def test_each_way_to_other_data_notes_it(noted: list[str]) -> None:
    stack = cast(Any, Stack())
    intended = Intended(Target("default"), Stand(False, False, False), first=True)
    backups.restore_to(stack, intended, cast(Any, None))
    assert noted == ["noted", "restored"]

    noted.clear()
    # An `up` comes before the next try, and could not migrate what is half restored.
    of_copy = SimpleNamespace(originals=[], asked="latest")
    copy.restore_copy(stack, cast(Any, of_copy), cast(Any, None))
    assert noted == ["restored", "noted"]

    noted.clear()
    with psql.database_client(stack, changes=False):
        assert noted == []
    with psql.database_client(stack, changes=True):
        assert noted == ["noted"]

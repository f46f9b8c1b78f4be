"""What the members of a database say, and who may take over."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from skytier.cli import database
from skytier.errors import SkytierError
from skytier.services.patroni.members import (
    IN_STEP_BYTES,
    LOOK,
    Archive,
    Members,
    read,
    successor,
)
from skytier.services.pgbackrest.config import HOMES, STATE
from skytier.stackfile.backup import SECOND

A, B, C = "shop-database-1", "shop-database-2", "shop-database-3"


def told(
    *,
    is_primary: bool = False,
    position: int = 1000,
    replicas: Any = None,
    slots: Any = None,
    cluster: Any = None,
    completed: int | None = None,
    **more: Any,
) -> str:
    database = {
        "version": "15.18",
        "is_primary": is_primary,
        "timeline": 3,
        "position": position,
        "replicas": replicas,
        "slots": slots,
    }
    return json.dumps({"database": database | more, "cluster": cluster, "completed": completed})


def sent(name: str, replayed: int = 1000, state: str = "streaming", sync: str = "sync") -> Any:
    return {"name": name, "state": state, "sync": sync, "replayed": replayed}


def cluster(**states: str) -> Any:
    """What Patroni says: `b="streaming"` for the member B."""
    names = {"a": A, "b": B, "c": C}
    members = [
        {"name": names[key], "role": "replica", "state": state, "timeline": 3}
        for key, state in states.items()
    ]
    return {"members": members, "scope": "shop"}


def three(*replicas: Any, pause: bool = False, position: int = 1000) -> Members:
    """A primary A, with what it sends to others; B and C answer."""
    seen = cluster(a="running", b="streaming", c="streaming") | {"pause": pause}
    primary = told(is_primary=True, position=position, replicas=list(replicas), cluster=seen)
    return read({A: primary, B: told(), C: told()})


def test_the_archive_is_told_by_the_primary_where_backups_are_made() -> None:
    primary = told(is_primary=True, waits=4, completed=1764547203)
    # That of a former primary is older.
    found = read({A: told(waits=None, completed=1764460803), B: primary})
    assert found.archive == Archive("2025-12-01T00:00:03+00:00", 4)
    assert read({A: told(), B: told(is_primary=True, waits=0)}).archive == Archive(None, 0)
    assert read({A: told(is_primary=True, waits=None)}).archive is None
    assert read({A: told(completed=1764460803), B: None}).archive is None


def test_the_last_backup_of_each_place_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    primary = json.loads(told(is_primary=True, waits=0, completed=1764547203))
    primary["places"] = {"first": 1764547203, "second": None}
    found = read({A: json.dumps(primary)})
    assert found.archive == Archive(
        "2025-12-01T00:00:03+00:00", 0, {"first": "2025-12-01T00:00:03+00:00", "second": None}
    )
    database._show(found, 1)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Last backup: first 2025-12-01 00:00:03 UTC, second none yet; changes" in shown
    database._show(read({A: told(is_primary=True, waits=0, completed=1764547203)}), 1)
    assert "Last backup: 2025-12-01 00:00:03 UTC; changes" in " ".join(
        capsys.readouterr().out.split()
    )


def test_a_member_that_is_gone_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    left = read({A: told(is_primary=True)})
    database._show(left, 2)
    told_of_two = capsys.readouterr()
    assert "There should be 2 members, and 1 can be seen." in " ".join(told_of_two.err.split())
    assert "One member" not in told_of_two.out
    database._show(read({A: told(is_primary=False)}), 2)
    assert "There should be one primary, and there is no." in " ".join(
        capsys.readouterr().err.split()
    )
    database._show(left, 1)
    assert "One member: when it fails" in capsys.readouterr().out


@pytest.mark.parametrize("both", [False, True])
def test_a_member_tells_of_the_second_place_where_there_is_one(tmp_path: Path, both: bool) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "completed").write_text("7\n")
    if both:
        (tmp_path / "second").mkdir()
    text = LOOK.replace(STATE, str(state)).replace(HOMES[SECOND].directory, f"{tmp_path}/second")
    for program in ("runuser", "systemctl", "dpkg-query", "apt-cache"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", text], check=True, capture_output=True, text=True, env={"PATH": path}
    )
    assert json.loads(done.stdout).get("places") == ({"first": 7, "second": None} if both else None)


def test_each_member_is_told_with_its_role_and_how_far_it_is() -> None:
    found = three(sent(B, 900), sent(C, 400, sync="async"))

    assert found.version == "15.18"
    assert [each.machine for each in found.primaries] == [A]
    assert [(each.role, each.lag_bytes, each.state, each.in_step) for each in found.members] == [
        ("primary", 0, "running", True),
        ("synchronous replica", 100, "streaming", True),
        ("replica", 600, "streaming", True),
    ]


def test_a_replica_to_which_the_primary_sends_nothing_is_not_in_step() -> None:
    found = three(sent(B))

    assert found.members[2].state == "streaming"
    assert not found.members[2].in_step
    assert found.members[2].lag_bytes == 0


@pytest.mark.parametrize(
    ("replica", "in_step"),
    [
        (sent(B, 0), True),
        (sent(B, 0, state="catchup"), False),
        (sent(B, 0, state="backup"), False),
    ],
)
def test_only_one_that_follows_and_lacks_little_is_in_step(replica: Any, in_step: bool) -> None:
    assert three(replica, position=IN_STEP_BYTES).members[1].in_step == in_step
    assert not three(replica, position=IN_STEP_BYTES + 1).members[1].in_step


def test_a_member_that_does_not_answer_is_there() -> None:
    seen = cluster(a="running", b="stopped")
    found = read({A: told(is_primary=True, cluster=seen), B: None, C: None})

    assert [(each.role, each.state) for each in found.members] == [
        ("primary", "running"),
        ("replica", "does not answer"),
        ("", "does not answer"),
    ]
    assert found.members[1].lag_bytes is None


def test_without_a_primary_and_with_two_the_members_are_shown_as_they_are() -> None:
    nobody = read({A: told(), B: told()})
    both = read({A: told(is_primary=True), B: told(is_primary=True)})

    assert [each.role for each in nobody.members] == ["replica", "replica"]
    assert [each.lag_bytes for each in nobody.members] == [None, None]
    assert len(both.primaries) == 2


def test_one_member_without_patroni_is_a_primary() -> None:
    found = read({A: told(is_primary=True)})

    assert [(each.role, each.state) for each in found.members] == [("primary", "running")]


def test_slots_are_told() -> None:
    slot = {"name": "shop_database_2", "active": False, "kept": 4096, "state": "extended"}

    found = read({A: told(is_primary=True, slots=[slot])})

    assert [(each.name, each.active, each.kept_bytes) for each in found.slots] == [
        ("shop_database_2", False, 4096)
    ]


def test_the_replica_that_lacks_the_least_takes_over() -> None:
    found = three(sent(B, 400, sync="quorum"), sent(C, 900, sync="quorum"))

    assert [each.machine for each in successor(found, True, None)] == [A, C]
    assert [each.machine for each in successor(found, True, B)] == [A, B]


def test_only_a_synchronous_replica_takes_over_where_nothing_may_be_lost() -> None:
    found = three(sent(B, 400), sent(C, 900, sync="async"))

    assert successor(found, True, None)[1].machine == B
    assert successor(found, False, None)[1].machine == C
    with pytest.raises(SkytierError, match=f"{C} is not in step"):
        successor(found, True, C)


@pytest.mark.parametrize(
    ("found", "wanted", "why"),
    [
        (read({A: told(is_primary=True)}), None, "has one member"),
        (read({A: told(), B: told()}), None, "these are: none"),
        (read({A: told(is_primary=True), B: told(is_primary=True)}), None, f"{A}, {B}"),
        (three(sent(B), pause=True), None, "paused"),
        (three(sent(B)), A, "is the primary already"),
        (three(), None, "No replica is in step"),
        (three(sent(B, state="catchup")), None, "No replica is in step"),
        (three(sent(C)), B, f"{B} is not in step"),
    ],
)
def test_nobody_takes_over_where_it_could_lose_something(
    found: Members, wanted: str | None, why: str
) -> None:
    with pytest.raises(SkytierError, match=why):
        successor(found, True, wanted)

"""The lock of a stack, on the network service that keeps it."""

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from skytier.openstack import holder, lock
from skytier.openstack.lock import Lock, LockedError
from skytier.openstack.resources.project import Project

from .account import Account


@pytest.fixture
def project(account: Account) -> Iterator[Project]:
    project = Project(account.connection, f"t{secrets.token_hex(3)}")
    yield project
    Lock(project).delete()


def test_one_at_a_time_holds_it_and_says_who_and_what_for(project: Project) -> None:
    with Lock(project).held("up", threading.Event()) as me:
        with pytest.raises(LockedError, match="skytier up") as refused:
            Lock(project).held("down", threading.Event()).__enter__()
        assert me.who in refused.value.what
        assert me.since in refused.value.what
    assert Lock(project).holder() is None


def test_of_many_who_reach_for_it_at_once_no_two_ever_have_it(project: Project) -> None:
    together, inside = threading.Barrier(5), threading.Semaphore(1)
    ends: list[str] = []

    def reach() -> None:
        together.wait(timeout=60)
        try:
            with Lock(project).held("up", threading.Event()):
                alone = inside.acquire(blocking=False)
                time.sleep(5)
                ends.append("alone" if alone else "together")
                inside.release()
        except LockedError:
            ends.append("refused")

    threads = [threading.Thread(target=reach) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 5
    assert "alone" in ends
    assert "together" not in ends


def test_what_others_made_at_the_same_time_is_taken_away_by_who_holds_it(project: Project) -> None:
    network, name = project.connection.network, f"{project.stack}-lock"
    with Lock(project).held("up", threading.Event()) as first:
        Lock(project).note(first, "ok")
    (line,) = Lock(project).audit()
    (group,) = network.security_groups(name=name, project_id=project.id)
    # Of two the older one stays, and Neutron tells their ages in seconds.
    time.sleep(1.1)
    # As one who reached for it and found it held leaves it: a group without a tag.
    network.create_security_group(name=name, description=group.description)
    with Lock(project).held("up", threading.Event()):
        (left,) = network.security_groups(name=name, project_id=project.id)
        assert left.id == group.id
        assert Lock(project).audit() == [line]


def is_held_by(expected: holder.Holder, project: Project) -> bool:
    """Whether it has the lock, however long ago that was renewed."""
    found = Lock(project).holder()
    return found is not None and replace(found, age_s=expected.age_s) == expected


def test_a_holder_on_another_machine_who_does_not_renew_it_is_dead_after_a_while(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(holder, "machine", lambda: "other1")
        dead = Lock(project).held("up", threading.Event())
        first = dead.__enter__()
    assert is_held_by(first, project)
    time.sleep(2)
    assert Lock(project, dead_after_s=1).holder() is None
    with Lock(project, dead_after_s=2).held("up", threading.Event()) as me:
        assert is_held_by(me, project)
        # The first one lets go of nothing that is not its own.
        dead.__exit__(None, None, None)
        assert is_held_by(me, project)
    assert Lock(project).holder() is None


def test_who_lost_it_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.5)
    lost = threading.Event()
    with Lock(project).held("up", lost):
        Lock(project).delete()
        assert lost.wait(timeout=60)


def test_who_renews_it_keeps_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.5)
    lost = threading.Event()
    with Lock(project).held("up", lost) as me:
        for _ in range(60):
            now = Lock(project).holder()
            assert now is not None
            if now.age_s > 1:
                break
            time.sleep(0.5)
        assert (now.token, now.age_s > 1, lost.is_set()) == (me.token, True, False)


def test_to_let_go_of_a_group_that_is_gone_is_no_error(project: Project) -> None:
    with Lock(project).held("up", threading.Event()) as me:
        held = Lock(project)
        [group] = held._groups()
        held.delete()
        # Neutron 2025.1 says 500 to it, and Zed 404.
        held._untag(group, me.tag)
        assert held._groups() == []


def test_a_dead_holder_on_this_machine_is_passed_over_at_once(project: Project) -> None:
    with Lock(project).held("up", threading.Event()) as me:
        assert replace(me, pid=2**22 + 1).is_alive(lock.DEAD_AFTER_S) is False
        assert me.is_alive(lock.DEAD_AFTER_S) is True


def test_the_audit_keeps_its_last_lines(project: Project) -> None:
    held = Lock(project)
    with held.held("up", threading.Event()) as me:
        for minute in range(lock.AUDIT_LINES + 3):
            held.note(replace(me, began=60 * minute), "ok")
        assert is_held_by(me, project)
    lines = Lock(project).audit()
    assert len(lines) == lock.AUDIT_LINES
    assert lines[-1].startswith(f"19700101T00{lock.AUDIT_LINES + 2}00Z up ok ")

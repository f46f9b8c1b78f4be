"""What comes of the lock when the cloud fails, on a network service in memory.

The lock on a real one: tests/cloud/stack/test_lock.py.
"""

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import HttpException

from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.openstack import catalog, lock
from skytier.openstack.holder import Holder
from skytier.openstack.lock import Lock, LockedError
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.resources.project import Project
from skytier.openstack.stack import CloudStack
from skytier.poll import until
from skytier.stackfile import parse


class Group:
    """A security group with tags."""

    def __init__(self) -> None:
        self.id, self.created_at = "g", ""
        self.tags: list[str] = []

    def add_tag(self, network: "Network", tag: str) -> None:
        network.answer()
        self.tags.append(tag)

    def remove_tag(self, network: "Network", tag: str) -> None:
        network.answer()
        if self not in network.groups:
            # As Neutron 2025.1 says it.
            raise HttpException("internal server error", http_status=500)
        self.tags.remove(tag)


class Network:
    """Neutron's security groups; after `fail` it answers nothing but 500."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.fail = False

    def answer(self) -> None:
        if self.fail:
            raise HttpException("oops", http_status=500)

    def security_groups(self, **query: object) -> list[Group]:
        self.answer()
        return list(self.groups)

    def create_security_group(self, **body: object) -> Group:
        self.answer()
        self.groups.append(Group())
        return self.groups[-1]

    def delete_security_group(self, group_id: str, **options: object) -> None:
        self.answer()
        self.groups.clear()


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def project(network: Network) -> Project:
    connection = SimpleNamespace(network=network, current_project_id="p")
    return Project(cast(Any, connection), "shop")


@pytest.mark.parametrize("error", [SkytierError("the first"), KeyboardInterrupt()], ids=repr)
def test_a_cloud_that_fails_at_the_end_does_not_hide_how_it_ended(
    network: Network, project: Project, error: BaseException
) -> None:
    def end() -> None:
        with Lock(project).held("up", threading.Event()):
            network.fail = True
            raise error

    with pytest.raises(type(error)) as raised:
        end()
    assert raised.value is error


def test_a_lock_that_cannot_be_let_go_of_is_no_failure(network: Network, project: Project) -> None:
    with Lock(project).held("up", threading.Event()):
        network.fail = True
    network.fail = False
    [tag] = [tag for tag in network.groups[0].tags if Holder.read(tag)]
    assert Holder.read(tag) is not None


def test_to_let_go_of_a_group_that_is_gone_is_no_error(network: Network, project: Project) -> None:
    held = Lock(project)
    with held.held("up", threading.Event()) as me:
        [group] = network.groups
        network.groups.clear()

        held._untag(group, me.tag)

        network.groups.append(group)
        network.fail = True
        with pytest.raises(HttpException):
            held._untag(group, me.tag)


def test_a_look_that_began_when_our_tag_was_perhaps_not_there_yet_does_not_count(
    network: Network, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neutron's answer is lost, and its next list is of a moment before another one's tag."""
    other = replace(Holder.me("up"), token="000000", machine="other1", who="bob@desk")
    looks: list[Network] = []
    add_tag, lists = Group.add_tag, network.security_groups

    def add_and_fail(group: Group, of: Network, tag: str) -> None:
        add_tag(group, of, tag)
        monkeypatch.setattr(Group, "add_tag", add_tag)
        monkeypatch.setattr(of, "security_groups", look)
        raise HttpException("oops", http_status=504)

    def look(**query: object) -> list[Group]:
        if looks:
            network.groups[0].tags.append(other.tag)
        looks.append(network)
        return lists(**query)

    monkeypatch.setattr(Group, "add_tag", add_and_fail)
    with (
        pytest.raises(LockedError, match="bob@desk"),
        Lock(project).held("up", threading.Event()),
    ):
        pass


def test_a_live_lock_of_another_container_of_the_same_name_is_not_taken_over(
    network: Network, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        there.setattr("skytier.openstack.holder.machine", lambda: "other1")
        there.setattr("os.getpid", lambda: 2**22 + 1)
        there_held = Lock(project).held("up", threading.Event())
        there_held.__enter__()
    with (
        pytest.raises(LockedError, match="has been changing this stack"),
        Lock(project).held("up", threading.Event()),
    ):
        pass
    assert len([tag for tag in network.groups[0].tags if Holder.read(tag)]) == 1


@pytest.mark.parametrize("what", ["static push", "database upgrade"])
def test_a_command_of_two_words_keeps_others_out_and_is_not_lost(
    network: Network, project: Project, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.01)
    renewed, lost = threading.Event(), threading.Event()

    def renew(holder: Holder) -> Holder:
        renewed.set()
        return replace(holder, age_s=holder.age_s + 1)

    monkeypatch.setattr(Holder, "renewed", renew)
    with Lock(project).held(what, lost):
        with (
            pytest.raises(LockedError, match=f"skytier {what}"),
            Lock(project).held("up", threading.Event()),
        ):
            pass
        assert renewed.wait(timeout=60)
        assert not lost.is_set()
    assert network.groups[0].tags == [project.mark]


def test_who_cannot_renew_the_lock_for_too_long_has_lost_it(
    network: Network, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.01)
    lost = threading.Event()
    with Lock(project, dead_after_s=0.05).held("up", lost):
        network.fail = True
        assert lost.wait(timeout=60)


class Endless:
    """A kind of which there is always something left."""

    name, fixed = "network", frozenset[str]()

    def find(self) -> list[Found]:
        return [Found(Key("network", "shop-network"), "n", {})]

    def delete(self, found: Found, tell: object) -> None:
        """It stays."""


class _Nothing:
    """A connection that is never asked for anything."""

    def __getattr__(self, name: str) -> "_Nothing":
        return self


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Project) -> CloudStack:
    monkeypatch.setattr(catalog, "services", lambda conn: {"compute"})
    stack = CloudStack(cast(Any, _Nothing()), parse('name = "shop"'), "mycloud")
    stack.lock, stack.operator = Lock(project), OperatorFiles(tmp_path)
    stack.kinds = cast(Any, {"network": Endless()})
    return stack


@pytest.mark.parametrize("what", ["rehearse", "rollback", "restore", "secret", "failover"])
def test_a_stack_that_is_not_there_gets_no_lock(
    stack: CloudStack, network: Network, what: str
) -> None:
    server = Found(Key("server", "shop-web-1"), "s", {})
    there: list[Found] = []
    stack.kinds = cast(Any, {"server": SimpleNamespace(find=lambda: there)})

    with (
        pytest.raises(SkytierError, match="The stack shop is not there"),
        stack.held(what, threading.Event()),
    ):
        raise AssertionError("it began")
    assert network.groups == []
    assert not stack.operator.log.exists()

    # One whose lock somebody deleted is there all the same.
    there.append(server)
    with stack.held(what, threading.Event()):
        assert len(network.groups) == 1
    # And one that has nothing but a lock may be a stack that a run is just making.
    there.clear()
    with stack.held(what, threading.Event()):
        assert len(network.groups) == 1


@pytest.mark.parametrize("what", ["up", "bake"])
def test_what_makes_a_stack_needs_none(stack: CloudStack, network: Network, what: str) -> None:
    with stack.held(what, threading.Event()):
        assert len(network.groups) == 1


class Events:
    """Is told when a step begins."""

    def __init__(self) -> None:
        self.began = threading.Event()

    def started(self, step: object) -> None:
        self.began.set()

    def told(self, *_: object) -> None: ...
    def done(self, *_: object) -> None: ...
    def failed(self, *_: object) -> None: ...
    def skipped(self, *_: object) -> None: ...


def test_down_that_loses_its_lock_ends_and_says_so(
    stack: CloudStack, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RENEW_EVERY_S", 0.01)
    monkeypatch.setattr("skytier.openstack.plan.removal.ROUND_S", 0.01)
    events = Events()

    def take_over() -> None:
        events.began.wait(timeout=60)
        # Another one takes the dead one's tag away, and adds its own.
        assert until(lambda: bool(network.groups), 60, 0.01)
        network.groups[0].tags[:] = [Holder.me("up").tag]

    other = threading.Thread(target=take_over)
    other.start()
    with pytest.raises(SkytierError, match="Somebody else has taken the stack"):
        stack.down(cast(Any, events))
    other.join()
    [tag] = [tag for tag in network.groups[0].tags if Holder.read(tag)]
    assert ":up:" in tag, "the other one's lock stays"
    assert " down lost " in stack.operator.log.read_text()


def test_the_log_here_is_written_and_the_first_error_told_although_the_cloud_is_away(
    stack: CloudStack, network: Network
) -> None:
    def fail(*_: object, **__: object) -> None:
        network.fail = True
        raise KeyboardInterrupt

    stack._delete_all = fail  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stack.down(cast(Any, Events()))
    assert " down interrupted " in stack.operator.log.read_text()

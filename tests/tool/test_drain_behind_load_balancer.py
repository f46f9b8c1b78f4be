"""`skytier drain` of a web server behind a load balancer of the cloud, whose word is some seconds
old."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.errors import SkytierError
from skytier.openstack.commands import drain as command
from skytier.openstack.machines import balancer
from skytier.services.nginx.service import DRAIN, DRAINED, DRAINED_UNTIL_BOOT
from tests.tool.test_balancer_gate import Machine
from tests.tool.test_load_balancer import BALANCER, PASSED_ON, SECOND, WEB, seen_as, told
from tests.tool.test_order import other

__all__ = ["told"]
SILENT = lambda text: None  # noqa: E731


class Stack:
    """A stack with two web servers, and what they answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: str) -> None:
        self.stack = PASSED_ON
        self.connection = SimpleNamespace(load_balancer=None, current_project_id="p")
        self.there: dict[Key, Found] = seen_as(first="", second="")
        self.machines = {
            name: Machine(name, answer)
            for name, answer in zip((WEB, SECOND), answers.values(), strict=True)
        }
        monkeypatch.setattr(command, "ssh_target", self.entered)

    def find(self) -> list[Found]:
        return list(self.there.values())

    @contextmanager
    def entered(self, stack: object, machine: str) -> Iterator[Machine]:
        yield self.machines[machine]

    def drain(self, machine: str) -> str:
        return command.drain(cast(Any, self), machine, SILENT)

    @property
    def drained(self) -> list[str]:
        return [name for name, each in self.machines.items() if DRAIN in each.scripts]


def test_nothing_is_drained_where_no_load_balancer_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    stack = Stack(monkeypatch, first="", second="")
    made = stack.there[BALANCER]
    for there in (None, other(made, state="PENDING_CREATE")):
        stack.there.pop(BALANCER, None)
        if there:
            stack.there[BALANCER] = there
        with pytest.raises(SkytierError, match="it is not known whether"):
            stack.drain(WEB)
    assert stack.drained == []
    stack.there[BALANCER] = other(made, state="PENDING_UPDATE")
    told(*[("ONLINE", "ONLINE")] * 2, ("ERROR", "ONLINE"))
    stack.drain(WEB)
    assert stack.drained == [WEB]


@pytest.mark.parametrize("seen", ["ONLINE", "OFFLINE"])
def test_the_last_web_server_is_not_drained_while_octavia_does_not_know_of_the_other_yet(
    seen: str, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    stack = Stack(monkeypatch, first="", second="yes\n")
    told((seen, seen))
    with pytest.raises(SkytierError, match=f"{WEB} is the only .*: {SECOND} is drained"):
        stack.drain(WEB)
    assert stack.drained == []
    [script] = stack.machines[SECOND].scripts
    assert DRAINED in script
    assert DRAINED_UNTIL_BOOT in script


def test_a_drain_ends_once_octavia_knows_of_it(monkeypatch: pytest.MonkeyPatch, told: Any) -> None:
    monkeypatch.setattr(balancer, "WITHIN_S", 60.0)
    stack, said = Stack(monkeypatch, first="", second=""), list[str]()
    told(*[("ONLINE", "ONLINE")] * 3, ("ERROR", "ONLINE"))
    assert command.drain(cast(Any, stack), WEB, said.append) == ""
    assert stack.drained == [WEB]
    assert said == [f"waiting for {BALANCER.name}, which sees it ONLINE"]


def test_a_drain_that_octavia_does_not_see_says_so(
    monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    stack = Stack(monkeypatch, first="", second="")
    told(("ONLINE", "ONLINE"))
    assert f"{BALANCER.name} still sees it ONLINE" in stack.drain(WEB)


def test_a_turn_waits_for_one_that_is_drained_since(
    monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    stack = Stack(monkeypatch, first="", second="yes\n")
    told(("ONLINE", "ONLINE"))
    access = SimpleNamespace(
        connection=stack.connection, enter=lambda name, known: stack.machines[name]
    )
    with pytest.raises(SkytierError, match=f"{SECOND} is drained"):
        balancer.before(WEB, cast(Any, access), Known(stack.there), SILENT)

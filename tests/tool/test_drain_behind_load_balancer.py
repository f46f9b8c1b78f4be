"""`skytier drain` of a web server behind a load balancer of the cloud, whose word is some seconds
old."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.openstack.commands import drain as command
from skytier.services.nginx.service import DRAIN
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
    told(("ONLINE", "ONLINE"), ("ERROR", "ONLINE"))
    made = stack.there[BALANCER]
    for there in (None, other(made, state="PENDING_CREATE")):
        stack.there.pop(BALANCER, None)
        if there:
            stack.there[BALANCER] = there
        with pytest.raises(SkytierError, match="cannot be asked"):
            stack.drain(WEB)
    assert stack.drained == []
    stack.there[BALANCER] = other(made, state="PENDING_UPDATE")
    stack.drain(WEB)
    assert stack.drained == [WEB]

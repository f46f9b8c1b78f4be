"""What `skytier failover --fence` asks before it does anything, with a stack that only tells."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from skytier.cli import chosen
from skytier.cli.database import failover
from skytier.errors import SkytierError
from skytier.openstack.machines.fencing import Primary, Successor
from skytier.openstack.machines.power import Power, Told

A, B = "shop-database-1", "shop-database-2"


@dataclass
class Stack:
    """Notes down what is done."""

    told: Told
    done: list[str] = field(default_factory=list)

    def fence_intended(self, wanted: str | None) -> Primary:
        return Primary(A, self.told, [B])

    def fence(self, primary: Primary) -> Successor:
        self.done.append(primary.machine)
        return Successor(B, 2.5)


def fenced(monkeypatch: pytest.MonkeyPatch, told: Told, **options: Any) -> list[str]:
    """The machines that were fenced by the command."""
    stack = Stack(told)
    monkeypatch.setattr(chosen, "stack_file", lambda *_: None)
    monkeypatch.setattr(chosen, "cloud_stack", lambda _: stack)
    failover(fence=True, **options)
    return stack.done


def test_one_that_is_off_is_fenced_without_a_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fenced(monkeypatch, Told(Power.OFF, "it is SHUTOFF")) == [A]
    said = capsys.readouterr().out
    assert "Nova says of it:      it is SHUTOFF" in said
    assert f"{B} is the primary, 2.5 s after the lease was ended." in said


def test_one_that_runs_is_powered_off_only_after_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Told(Power.RUNS, "it is ACTIVE")
    stack = Stack(runs)
    monkeypatch.setattr(chosen, "stack_file", lambda *_: None)
    monkeypatch.setattr(chosen, "cloud_stack", lambda _: stack)
    with pytest.raises(SkytierError, match="powers a machine off"):
        failover(fence=True)
    assert stack.done == []
    assert fenced(monkeypatch, runs, yes=True) == [A]


def test_what_nova_cannot_know_is_refused_though_the_answer_is_yes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SkytierError, match=f"does not say that {A} is off: its host is away"):
        fenced(monkeypatch, Told(Power.UNKNOWN, "its host is away"), yes=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"fence": True, "to": B}, "Patroni elects its successor"),
        ({"machine": A}, "only with --fence"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(SkytierError) as error:
        failover(**options)
    assert why in f"{error.value.what} {error.value.do}"

"""Steps carried out: the order, what a failure leaves undone, and an answer that is lost."""

import json
import signal
import threading
from collections.abc import Callable, Iterable

import pytest
from keystoneauth1.exceptions import ConnectFailure
from openstack.exceptions import HttpException

from skytier import errors
from skytier.cli import console, progress
from skytier.deploy.apply import AT_ONCE, LossError, StoppedError, apply
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.plan import Action, Rules, Step, plan
from skytier.errors import SkytierError
from skytier.openstack.resources.creation import create_once

RULES = {"network": Rules(), "port": Rules()}


class Memory:
    """A kind whose resources are in memory."""

    fixed: frozenset[str] = frozenset()

    def __init__(self, name: str, fails: Callable[[Key], None] = lambda key: None) -> None:
        self.name = name
        self.there: dict[Key, Found] = {}
        self.calls: list[str] = []
        self._fails = fails

    def find(self) -> Iterable[Found]:
        return list(self.there.values())

    def create(self, wanted: Wanted, known: Known) -> Found:
        self.calls.append(f"create {wanted.key.name}")
        self._fails(wanted.key)
        self.there[wanted.key] = Found(wanted.key, f"id of {wanted.key.name}", {})
        return self.there[wanted.key]

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        self.calls.append(f"reconcile {wanted.key.name}")
        self.there[found.key] = Found(found.key, found.id, known.attributes(wanted))
        return self.there[found.key]

    def delete(self, found: Found, tell: Tell) -> None:
        self.calls.append(f"delete {found.key.name}")
        self._fails(found.key)
        self.there.pop(found.key, None)


class Record:
    """What was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def started(self, step: Step) -> None:
        self.said.append(f"started {step.key.name}")

    def told(self, step: Step, text: str) -> None: ...

    def done(self, step: Step, seconds: float) -> None:
        self.said.append(f"done {step.key.name}")

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        self.said.append(f"failed {step.key.name}")

    def skipped(self, step: Step) -> None:
        self.said.append(f"skipped {step.key.name}")


def network(name: str = "n") -> Wanted:
    return Wanted(Key("network", name), {})


def port(name: str, on: str = "n") -> Wanted:
    return Wanted(Key("port", name), {"network": Key("network", on)}, needs=[Key("network", on)])


def refuse(*names: str) -> Callable[[Key], None]:
    def fails(key: Key) -> None:
        if key.name in names:
            raise SkytierError(f"{key.name} cannot be.")

    return fails


def test_ids_of_what_was_just_made_are_filled_in() -> None:
    kinds = {"network": Memory("network"), "port": Memory("port")}
    wanted = [network(), port("a"), port("b")]
    known = apply(plan(wanted, [], RULES), kinds, Record(), Known())
    assert known[Key("port", "a")].attributes == {"network": "id of n"}
    assert set(known) == {each.key for each in wanted}


def test_what_does_not_need_each_other_is_under_way_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=120)
    kinds = {"network": Memory("network", lambda key: together.wait() and None)}
    apply(plan([network("a"), network("b")], [], RULES), kinds, Record(), Known())
    assert len(kinds["network"].there) == 2


def test_after_a_failure_only_what_needs_it_is_left_out() -> None:
    kinds = {"network": Memory("network", refuse("bad")), "port": Memory("port")}
    wanted = [network("bad"), network("good"), port("a", on="bad"), port("b", on="good")]
    events = Record()
    with pytest.raises(SkytierError, match="bad cannot be"):
        apply(plan(wanted, [], RULES), kinds, events, Known())
    assert {key.name for key in kinds["port"].there} == {"b"}
    assert {"failed bad", "skipped a", "done b"} <= set(events.said)


def test_each_error_is_told_whole_and_the_same_advice_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    advice = {"a": "Ask for room.", "b": "Ask for room.", "c": "Look at c.", "d": "Look at c."}
    together = threading.Barrier(4, timeout=120)

    def fails(key: Key) -> None:
        together.wait()
        raise SkytierError(f"{'c' if key.name == 'd' else key.name} fails.", advice[key.name])

    wanted = [network(name) for name in advice]
    with pytest.raises(SkytierError) as error:
        apply(plan(wanted, [], RULES), {"network": Memory("network", fails)}, Record(), Known())

    assert sorted(error.value.what.splitlines()) == ["a fails.", "b fails.", "c fails."]
    assert sorted((error.value.do or "").splitlines()) == ["Ask for room.", "Look at c."]
    console.show(error.value)
    said = capsys.readouterr().err
    assert said.count("Error: ") == 2
    assert said.index("c fails.") < said.index("Look at c.")
    assert said.index("b fails.") < said.index("Ask for room.")


def test_scripts_are_told_each_error_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(key: Key) -> None:
        raise SkytierError("It fails.", "Mend it.")

    kinds, shown = {"network": Memory("network", fails)}, progress.JsonLines()
    with pytest.raises(SkytierError):
        apply(plan([network()], [], RULES), kinds, shown, Known())
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["error"], last["do"]) == ("failed", "It fails.", "Mend it.")


def test_one_error_stays_as_it_is_and_a_step_that_was_stopped_hides_none() -> None:
    refused, stopped = LossError("It is refused."), StoppedError("It was stopped.")
    unforeseen = RuntimeError("a fault of the tool")
    assert errors.together([refused]) is refused
    assert errors.together([refused, LossError("It is refused.")]) is refused
    assert errors.together([refused, unforeseen]) is unforeseen

    both = threading.Barrier(2, timeout=120)

    def fails(key: Key) -> None:
        both.wait()
        raise stopped if key.name == "a" else refused

    kinds, wanted = {"network": Memory("network", fails)}, [network("a"), network("b")]
    with pytest.raises(LossError, match="It is refused"):
        apply(plan(wanted, [], RULES), kinds, Record(), Known())


def test_a_lost_lock_stops_what_was_not_begun() -> None:
    lost, kinds = threading.Event(), {"network": Memory("network"), "port": Memory("port")}
    lost.set()
    events = Record()
    with pytest.raises(StoppedError):
        apply(plan([network(), port("a")], [], RULES), kinds, events, Known(), lost)
    assert events.said == ["skipped n", "skipped a"]


def test_a_lost_lock_is_no_failure_when_there_was_nothing_left_to_do() -> None:
    lost, kind = threading.Event(), Memory("network", lambda key: lost.set())
    apply(plan([network()], [], RULES), {"network": kind}, Record(), Known(), lost)
    assert len(kind.there) == 1


def test_a_lost_lock_ends_a_wait() -> None:
    lost, turns = threading.Event(), iter(range(10**6))

    class Slow(Memory):
        def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
            for turn in turns:
                tell(f"turn {turn}")
                if turn == 3:
                    lost.set()
            raise AssertionError("it waited to the end")

    events = Record()
    with pytest.raises(StoppedError):
        apply(plan([network()], [], RULES), {"network": Slow("network")}, events, Known(), lost)
    assert events.said == ["started n", "failed n"]
    assert next(turns) == 5


@pytest.mark.parametrize("queued", [AT_ONCE + 1, 40])
def test_ctrl_c_begins_nothing_of_what_is_queued(queued: int) -> None:
    begun, stop = threading.Barrier(AT_ONCE, timeout=60), threading.Event()

    def interrupt(key: Key) -> None:
        if begun.wait() == 0:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert stop.wait(timeout=60)

    kind, events = Memory("network", interrupt), Record()
    wanted = [network(f"n{number}") for number in range(queued)]
    with pytest.raises(KeyboardInterrupt):
        apply(plan(wanted, [], RULES), {"network": kind}, events, Known(), stop)
    assert len(kind.there) == AT_ONCE, "what was under way is finished"
    assert len([said for said in events.said if said.startswith("started")]) == AT_ONCE


def test_a_plan_that_would_lose_data_is_refused_before_anything_is_done() -> None:
    kinds = {"network": Memory("network")}
    step = Step(Action.REPLACE, Key("network", "n"), "flavor changed", loses="the data")
    with pytest.raises(LossError, match="lose the data"):
        apply([step, *plan([network("other")], [], RULES)], kinds, Record(), Known())
    assert kinds["network"].calls == []


LOST_ANSWERS = [ConnectFailure("reset"), HttpException("gone wrong", http_status=502)]


@pytest.mark.parametrize("error", LOST_ANSWERS, ids=str)
def test_what_was_made_although_the_answer_was_lost_is_not_made_twice(error: Exception) -> None:
    class Deaf(Memory):
        def create(self, wanted: Wanted, known: Known) -> Found:
            super().create(wanted, known)
            raise error

    kind = Deaf("network")
    found = create_once(kind, network(), Known(), first_wait_s=0)
    assert found.id == "id of n"
    assert kind.calls == ["create n"]


@pytest.mark.parametrize("error", LOST_ANSWERS, ids=str)
def test_what_was_not_made_is_made_by_another_attempt(error: Exception) -> None:
    errors = [error, error]

    def fails(key: Key) -> None:
        if errors:
            raise errors.pop()

    kind = Memory("network", fails)
    assert create_once(kind, network(), Known(), first_wait_s=0).id == "id of n"
    assert kind.calls == ["create n"] * 3


def test_a_plain_refusal_is_not_tried_again() -> None:
    def fails(key: Key) -> None:
        raise HttpException("no", http_status=400)

    kind = Memory("network", fails)
    with pytest.raises(HttpException):
        create_once(kind, network(), Known(), first_wait_s=0)
    assert kind.calls == ["create n"]

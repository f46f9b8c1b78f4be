"""The order of updates: as a table, and from what happens while plans are carried out."""

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from skytier.deploy.apply import apply
from skytier.deploy.kind import Found, Key, Kind, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, DELIVERY, RELEASE, SERVER, Order, Update
from skytier.errors import SkytierError
from tests.tool import test_order
from tests.tool.test_order import CHANGES, before, planned, stack_of

IN_MACHINE = (SERVER, CONFIGURATION, DELIVERY, RELEASE)
DATABASE, BASTION, BALANCER = "skytier-database-1", "skytier-web-1", "skytier-balancer-1"
MISSING, OFF, HALF_MADE = "missing", "off", "half made"
BROKEN = {"ERROR", MISSING, OFF, HALF_MADE}
OF_DATABASE = ["another flavor", "another configuration", "ERROR", OFF]


def web(number: int) -> str:
    return f"skytier-web-{number}"


def found_with(
    changes: Mapping[str, Iterable[str]], count: int, extra: int = 0, balancer: str = "none"
) -> dict[Key, Found]:
    """A stack that is as wanted but for some machines, and has `extra` web servers more."""
    found = {**stack_of(count + extra, balancer)[1], **stack_of(count, balancer)[1]}
    for name, each in changes.items():
        for change in sorted(each):
            if change == MISSING:
                found = {
                    k: v for k, v in found.items() if k.name != name or k.kind not in IN_MACHINE
                }
            elif change == HALF_MADE:
                found.pop(Key(RELEASE, name), None)
            elif change == OFF:
                update(found, Key(SERVER, name), power="shutoff")
            elif (key := Key(CHANGES[change][0], name)) in found:
                found[key] = CHANGES[change][1](found[key])
    return found


def update(found: dict[Key, Found], key: Key, **attributes: object) -> None:
    if key in found:
        found[key] = test_order.other(found[key], **attributes)


@dataclass
class Machines:
    """Which machines serve, while the steps of a plan are carried out."""

    serving: set[str]
    wanted: set[str]
    """The web servers that the stack file asks for, and the balancer."""
    bastion: str = BASTION
    fails: Key | None = None
    taken: set[str] = field(default_factory=set)
    """Those that served, and were taken out."""
    rebooting: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: Key) -> None:
        """What takes a machine out begins."""
        with self.lock:
            others = (self.wanted | {DATABASE}) - {key.name}
            if key.name not in self.serving:
                # It takes nothing away, and nobody may be out beside it.
                bad = (self.taken & self.wanted) - {key.name}
            elif key.name == DATABASE:
                bad = self.taken & self.wanted
            else:
                # A balancer that is broken comes after the web servers that it will need.
                bad = others - self.serving - ({BALANCER} - self.taken)
            if bad:
                self.wrong.append(f"{key} begins while {sorted(bad)} do not serve")
            if key.name in self.serving:
                self.serving.discard(key.name)
                self.taken.add(key.name)

    def well(self, name: str) -> None:
        """The gate of a machine has passed."""
        with self.lock:
            self.serving.add(name)
            self.taken.discard(name)

    def enter(self, key: Key) -> None:
        """A step needs the bastion and its own machine."""
        with self.lock:
            if away := self.rebooting & {self.bastion, key.name}:
                self.wrong.append(f"{key} is entered while {sorted(away)} restart")


class Simulated:
    """A kind whose steps take machines out as the real ones do."""

    fixed: frozenset[str] = frozenset()

    def __init__(self, name: str, machines: Machines) -> None:
        self.name = name
        self.machines = machines

    def find(self) -> Iterable[Found]:
        return ()

    def create(self, wanted: Wanted, known: Known) -> Found:
        return Found(wanted.key, f"new id of {wanted.key}", {})

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        key, machines = wanted.key, self.machines
        existing = bool(found.attributes)
        if key.kind == SERVER:
            machines.rebooting.add(key.name)
        if (key.kind == SERVER and existing) or key.kind in (CONFIGURATION, RELEASE):
            machines.begin(key)
        if key.kind in (CONFIGURATION, DELIVERY, RELEASE):
            machines.enter(key)
        time.sleep(0.001)
        if key.kind in (CONFIGURATION, DELIVERY, RELEASE):
            machines.enter(key)
        if key == machines.fails:
            raise SkytierError(f"{key} fails.")
        machines.rebooting.discard(key.name)
        if key.kind == RELEASE or (key.kind == CONFIGURATION and key.name in (DATABASE, BALANCER)):
            machines.well(key.name)
        return Found(key, found.id, known.attributes(wanted), {"address": "192.168.128.9"})

    def delete(self, found: Found, tell: Tell) -> None:
        if found.key.kind in (SERVER, "floating IP"):
            if found.key.kind == SERVER:
                self.machines.rebooting.add(found.key.name)
            self.machines.begin(found.key)
        time.sleep(0.001)


class Silent:
    """Is told, and says nothing."""

    def started(self, step: Step) -> None: ...
    def told(self, step: Step, text: str) -> None: ...
    def done(self, step: Step, seconds: float) -> None: ...
    def failed(self, step: Step, error: BaseException, seconds: float) -> None: ...
    def skipped(self, step: Step) -> None: ...


def carried_out(
    steps: list[Step],
    found: Mapping[Key, Found],
    count: int,
    broken: set[str],
    fails: Key | None = None,
) -> Machines:
    names = {key.name for key in found if key.kind == SERVER}
    wanted = {web(number) for number in range(1, count + 1)}
    balancers = {BALANCER} & names
    machines = Machines(names - broken, wanted | balancers, next(iter(balancers), BASTION), fails)
    kinds: dict[str, Kind] = {
        kind: Simulated(kind, machines) for kind in {step.key.kind for step in steps}
    }
    with suppress(SkytierError) if fails else nullcontext():
        apply(steps, kinds, Silent(), Known(found))
    return machines


WEB = st.sets(st.sampled_from([*sorted(CHANGES), MISSING, OFF, HALF_MADE]), max_size=2)


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(WEB, min_size=1, max_size=5),
    st.sets(st.sampled_from(OF_DATABASE), max_size=2),
    st.integers(0, 2),
    st.one_of(st.none(), st.tuples(st.integers(0, 5), st.sampled_from(IN_MACHINE))),
    st.one_of(st.none(), st.sets(st.sampled_from(OF_DATABASE), max_size=2)),
)
@example([{"another configuration"}, {"another flavor"}], set(), 0, None, None)
@example([{"another image"}, set()], set(), 1, None, None)
@example([{"another image"}, {"another release"}], set(), 0, None, None)
@example([{"another configuration"}, set(), {OFF}], {"another flavor"}, 0, None, None)
@example([{"another flavor"}, {"ERROR"}], {"another configuration"}, 2, (2, RELEASE), None)
@example([{"another flavor"}, {OFF}], set(), 1, None, {"another configuration"})
@example([{"another image"}, set()], {"another flavor"}, 0, None, {"ERROR"})
def test_one_machine_is_out_at_a_time_and_the_next_waits_until_it_is_well(
    changes: list[set[str]],
    of_database: set[str],
    extra: int,
    fails: tuple[int, str] | None,
    of_balancer: set[str] | None,
) -> None:
    """`of_balancer` is None for a stack without a balancer."""
    by_name = {web(number): each for number, each in enumerate(changes, 1)}
    by_name[DATABASE] = of_database
    kind = "none" if of_balancer is None or len(changes) < 2 else "haproxy"
    if kind != "none":
        by_name[BALANCER] = of_balancer or set()
    broken = {name for name, each in by_name.items() if each & BROKEN}
    found = found_with(by_name, len(changes), extra, kind)
    failing = fails and Key(fails[1], web(fails[0]) if fails[0] else DATABASE)

    steps = planned(stack_of(len(changes), kind)[0], found)
    machines = carried_out(steps, found, len(changes), broken, failing)

    assert machines.wrong == []
    out = (machines.wanted | {DATABASE}) - machines.serving
    if failing and any(s.key == failing and s.action is not Action.KEEP for s in steps):
        # Nothing that served is lost by it but the machine itself.
        assert out <= broken | {failing.name}
    else:
        assert out == set()
        assert {key.name for key in found if key.kind == SERVER} & machines.serving == (
            machines.wanted - {n for n, each in by_name.items() if MISSING in each}
        ) | {DATABASE}


def waits(steps: list[Step], kind: str, name: str, *others: tuple[str, str]) -> bool:
    """Whether a step comes after all of the others."""
    return {Key(*other) for other in others} <= before(steps, Key(kind, name))


NAMED = {
    "a configuration and a resize": (
        {web(1): ["another configuration"], web(2): ["another flavor"]},
        (SERVER, web(2)),
        [(CONFIGURATION, web(1)), (RELEASE, web(1))],
    ),
    "a release switched on while a server is replaced": (
        {web(1): ["another image"], web(2): ["another release"]},
        (RELEASE, web(2)),
        [(SERVER, web(1)), (CONFIGURATION, web(1)), (RELEASE, web(1))],
    ),
    "a server in ERROR is mended before another one is taken out": (
        {web(1): ["another flavor"], web(2): ["ERROR"]},
        (SERVER, web(1)),
        [(SERVER, web(2)), (CONFIGURATION, web(2)), (RELEASE, web(2))],
    ),
    "a stopped server is checked before another one is taken out": (
        {web(1): ["another configuration"], web(2): [OFF]},
        (CONFIGURATION, web(1)),
        [(SERVER, web(2)), (CONFIGURATION, web(2)), (RELEASE, web(2))],
    ),
    "a missing server is made before another one is taken out": (
        {web(1): ["another flavor"], web(2): [MISSING]},
        (SERVER, web(1)),
        [(SERVER, web(2)), (CONFIGURATION, web(2)), (RELEASE, web(2))],
    ),
    "a web server waits until the database is well": (
        {web(1): ["another flavor"], DATABASE: ["another configuration"]},
        (SERVER, web(1)),
        [(CONFIGURATION, DATABASE)],
    ),
    "so does its configuration": (
        {web(1): ["another configuration"], DATABASE: ["another flavor"]},
        (CONFIGURATION, web(1)),
        [(SERVER, DATABASE), (CONFIGURATION, DATABASE)],
    ),
    "the database waits for a bastion that has to be mended": (
        {web(1): ["ERROR"], DATABASE: ["another flavor"]},
        (SERVER, DATABASE),
        [(SERVER, web(1))],
    ),
}


@pytest.mark.parametrize("case", NAMED)
def test_in_the_named_case_the_step_comes_after_the_others(case: str) -> None:
    changes, step, others = NAMED[case]
    steps = planned(stack_of(2)[0], found_with(changes, 2))
    assert waits(steps, *step, *others)
    actions = {each.key: each.action for each in steps}
    assert all(actions[Key(*each)] is not Action.KEEP for each in [step, *others])


def test_a_web_server_too_many_is_deleted_once_the_others_are_well() -> None:
    steps = planned(stack_of(2)[0], found_with({web(1): ["another image"]}, 2, extra=1))
    deleted = [step for step in steps if step.action is Action.DELETE]
    assert Key(SERVER, web(3)) in {step.key for step in deleted}
    for step in deleted:
        assert {Key(kind, web(1)) for kind in (SERVER, CONFIGURATION, RELEASE)} <= set(step.after)


def test_a_new_web_server_waits_for_no_other_one() -> None:
    changes = {web(2): ["another flavor"], web(3): [MISSING]}
    steps = planned(stack_of(3)[0], found_with(changes, 3))
    for kind in IN_MACHINE:
        earlier = {key.name for key in before(steps, Key(kind, web(3))) if key.kind in IN_MACHINE}
        assert web(2) not in earlier


ORDER = Order(
    [
        Update("web-1", "web"),
        Update("web-2", "web", serves=False),
        Update("web-3", "web"),
        Update("database-1", "database", (SERVER, CONFIGURATION), holds_data=True),
        Update("monitor-1", "monitor", (SERVER, CONFIGURATION)),
    ],
    bastion="web-1",
)
AFTER = {
    "database-1": [],
    "web-2": ["database-1"],
    "web-1": ["database-1", "web-2"],
    "web-3": ["database-1", "web-2", "web-1"],
    "monitor-1": ["database-1"],
}
UNENTERED = {"database-1", "web-2"}
"""Those that are entered before the bastion has its turn."""


@pytest.mark.parametrize("name", AFTER)
def test_a_machine_has_its_turn_after_those_of_the_table(name: str) -> None:
    key = Key(SERVER, name)
    after = ORDER.after(key)
    assert list(dict.fromkeys(each.name for each in after)) == AFTER[name]
    gates = {Key(update.kinds[-1], update.name) for update in ORDER.machines}
    assert {each for each in after if each in gates} == gates & {
        Key(gate.kind, gate.name) for gate in gates if gate.name in AFTER[name]
    }
    assert ORDER.way_in(key) == ([] if name in UNENTERED else [Key(SERVER, "web-1")])
    assert ORDER.triggers(key) == (
        [] if name == "database-1" else [Key(CONFIGURATION, "database-1")]
    )


def test_a_bastion_that_does_not_serve_is_mended_before_all_else() -> None:
    bastion = Key(SERVER, "web-1")
    order = replace(
        ORDER, machines=[replace(each, serves=each.name != "web-1") for each in ORDER.machines]
    )
    assert order.after(bastion) == []
    for update in order.machines:
        assert order.way_in(Key(SERVER, update.name)) == [bastion]
        if update.name != "web-1":
            assert order.after(Key(SERVER, update.name))[0] == bastion
    assert Key(CONFIGURATION, "database-1") in order.after(Key(RELEASE, "web-1"))

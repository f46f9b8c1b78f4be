"""Wanted + found -> steps, as a table; then the steps applied, and nothing is left to do."""

from collections.abc import Mapping

import pytest

from skytier.deploy.kind import Found
from skytier.deploy.plan import Step, nothing_to_do
from skytier.files import fingerprint
from skytier.local import desired, service
from skytier.local.daemon import RunningConfig, State
from skytier.local.operation import Operation, operation, why
from skytier.local.options import Options
from skytier.local.postgresql import found_cluster

OLD, NEW = fingerprint("old"), fingerprint("new")
DATABASE = {"version": "18.4", "configuration": OLD}
APPLICATION = {"version": "0.1.0", "workers": "2", "release": OLD, "settings": OLD}
NGINX = {"version": "1.22.1", "port": "8000", "address": "127.0.0.1", "configuration": OLD}
MONITOR: dict[str, str | None] = {"node": OLD, "prometheus": OLD, "redis": None}

ALL: dict[str, Mapping[str, str | None]] = {
    "postgresql": DATABASE,
    "application": APPLICATION,
    "nginx": NGINX,
}
RUNNING = {
    "postgresql": State(1, DATABASE),
    "application": State(2, APPLICATION),
    "nginx": State(3, NGINX),
}
STOPPED = {"postgresql": State(), "application": State(), "nginx": State()}
KEPT = ["postgresql keep", "application keep", "nginx keep"]
NO_DATA = {"no data": State()}


def without(*names: str) -> dict[str, Mapping[str, str | None]]:
    return {name: config for name, config in ALL.items() if name not in names}


TABLE = {
    "nothing is there yet": (
        ALL,
        STOPPED | NO_DATA,
        ["postgresql create", "migrations run", "application start", "nginx start"],
    ),
    "all is as wanted": (ALL, {}, KEPT),
    "all was stopped": (
        ALL,
        STOPPED,
        ["postgresql start", "migrations run", "application start", "nginx start"],
    ),
    "only the database was killed": (
        ALL,
        {"postgresql": State(leftovers=(7, 8))},
        ["postgresql start", "application keep", "nginx keep"],
    ),
    "the application left its workers behind": (
        ALL,
        {"application": State(leftovers=(7, 8))},
        ["postgresql keep", "migrations run", "application start", "nginx keep"],
    ),
    "the start of the database was interrupted": (
        ALL,
        {"postgresql": State(1)},
        ["postgresql restart", "application keep", "nginx keep"],
    ),
    "the start of the application was interrupted": (
        ALL,
        {"application": State(2)},
        ["postgresql keep", "migrations run", "application restart", "nginx keep"],
    ),
    "the database runs, and its data is gone": (
        ALL,
        NO_DATA,
        ["postgresql restart", "application keep", "nginx keep"],
    ),
    "another port": (
        ALL,
        {"nginx": State(3, NGINX | {"port": "9000", "configuration": NEW})},
        ["postgresql keep", "application keep", "nginx reload"],
    ),
    "another address and another port": (
        ALL,
        {"nginx": State(3, NGINX | {"port": "9000", "address": "::"})},
        ["postgresql keep", "application keep", "nginx reload"],
    ),
    "another address with the same port, which would meet itself": (
        ALL,
        {"nginx": State(3, NGINX | {"address": "0.0.0.0"})},
        ["postgresql keep", "application keep", "nginx restart"],
    ),
    "another Nginx": (
        ALL,
        {"nginx": State(3, NGINX | {"version": "1.18.0"})},
        ["postgresql keep", "application keep", "nginx restart"],
    ),
    "a new release": (
        ALL,
        {"application": State(2, APPLICATION | {"release": NEW})},
        ["postgresql keep", "migrations run", "application restart", "nginx keep"],
    ),
    "a new version of PostgreSQL": (
        ALL,
        {"postgresql": State(1, DATABASE | {"version": "18.3"})},
        ["postgresql restart", "application keep", "nginx keep"],
    ),
    "the database is elsewhere now": (
        without("postgresql"),
        {"application": State(2, APPLICATION | {"settings": NEW})},
        ["postgresql stop", "migrations run", "application restart", "nginx keep"],
    ),
    "Nginx was taken off the machine": (
        without("nginx"),
        {"application": State(2, APPLICATION | {"settings": NEW})},
        ["nginx stop", "postgresql keep", "migrations run", "application restart"],
    ),
    "no Nginx, and there never was": (
        without("nginx"),
        {"nginx": State()},
        ["postgresql keep", "application keep"],
    ),
    "the monitor comes last": (
        ALL | {"monitor": MONITOR},
        {"nginx": State(), "monitor": State()},
        ["postgresql keep", "application keep", "nginx start", "monitor start"],
    ),
    "the monitor runs as wanted": (
        ALL | {"monitor": MONITOR},
        {"monitor": State(4, {"node": OLD, "prometheus": OLD})},
        [*KEPT, "monitor keep"],
    ),
    "a process of the monitor is gone": (
        ALL | {"monitor": MONITOR},
        {"monitor": State(4, {"prometheus": OLD})},
        [*KEPT, "monitor restart"],
    ),
    "a process of the monitor is not wanted any more": (
        ALL | {"monitor": MONITOR},
        {"monitor": State(4, {"node": OLD, "prometheus": OLD, "redis": OLD})},
        [*KEPT, "monitor restart"],
    ),
    "no monitor is wanted any more": (
        ALL,
        {"monitor": State(4, {"node": OLD})},
        ["monitor stop", *KEPT],
    ),
}
Configs = Mapping[str, Mapping[str, str | None]]
States = Mapping[str, State]


def found(states: States) -> list[Found]:
    """The services as resources."""
    there = [
        found_cluster(state, has_data="no data" not in states)
        if name == "postgresql"
        else service.found(name, state)
        for name, state in states.items()
        if name != "no data"
    ]
    return [each for each in there if each]


def planned(configs: Configs, states: States) -> list[Step]:
    wanted = desired.wanted(configs, Options()) if configs else []
    return desired.steps(wanted, found(states))


@pytest.mark.parametrize(("configs", "states", "steps"), TABLE.values(), ids=TABLE.keys())
def test_the_plan_leads_from_what_is_found_to_what_is_wanted(
    configs: Configs, states: States, steps: list[str]
) -> None:
    made = planned(configs, RUNNING | states)

    assert [f"{step.key.kind} {operation(step)}" for step in made] == steps
    assert not [step for step in made if step.loses]


@pytest.mark.parametrize(("configs", "states", "steps"), TABLE.values(), ids=TABLE.keys())
def test_each_step_waits_for_those_before_it(
    configs: Configs, states: States, steps: list[str]
) -> None:
    made = planned(configs, RUNNING | states)

    starts = [step for step in made if operation(step) is not Operation.STOP]
    for position, step in enumerate(starts):
        assert {each.key for each in starts[:position]} <= {*step.needs}


@pytest.mark.parametrize(("configs", "states", "steps"), TABLE.values(), ids=TABLE.keys())
def test_after_the_steps_there_is_nothing_left_to_do(
    configs: Configs, states: States, steps: list[str]
) -> None:
    after = applied(planned(configs, RUNNING | states), configs, RUNNING | states)

    assert nothing_to_do(planned(configs, after))


@pytest.mark.parametrize(("configs", "states", "steps"), TABLE.values(), ids=TABLE.keys())
def test_what_runs_is_stopped_from_the_front_to_the_back(
    configs: Configs, states: States, steps: list[str]
) -> None:
    before = RUNNING | states
    stops = planned({}, before)

    running = [name for name, state in before.items() if state.pid or state.leftovers]
    order = ("monitor", "nginx", "application", "postgresql")
    assert [step.key.kind for step in stops] == [name for name in order if name in running]
    for position, step in enumerate(stops):
        assert {each.key for each in stops[:position]} <= {*step.needs}
    assert not planned({}, applied(stops, configs, before))


def test_a_step_says_what_changed() -> None:
    config = APPLICATION | {"workers": "4", "release": NEW}

    assert reason(ALL, {"application": State(2, config)}) == "changed release, workers 4 → 2"


def test_a_step_says_what_is_missing_and_what_was_cut_short() -> None:
    monitored = ALL | {"monitor": MONITOR}
    left = "its main process is gone, and left 2 processes behind"

    assert reason(monitored, {"monitor": State(4, {"prometheus": OLD})}) == "node is missing"
    assert reason(ALL, {"postgresql": State(1)}) == "its start was interrupted"
    assert reason(ALL, {"nginx": State(leftovers=(7, 8))}) == left


def reason(configs: Configs, states: States) -> str:
    """Why the service with that state is not kept."""
    (name,) = states
    return next(why(step) for step in planned(configs, RUNNING | states) if step.key.kind == name)


def applied(steps: list[Step], configs: Configs, states: States) -> dict[str, State]:
    """What would be found after the steps."""
    after = dict(states)
    for step in steps:
        name = step.key.kind
        if operation(step) is Operation.STOP:
            after[name] = State()
        elif name in configs and operation(step) is not Operation.KEEP:
            config: RunningConfig = {k: v for k, v in configs[name].items() if v}
            after[name] = State(9, config)
            if name == "postgresql":
                after.pop("no data", None)
    return after

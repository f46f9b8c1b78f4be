"""Wanted + found -> steps, as a table; then the steps applied, and nothing is left to do."""

import pytest

from skytier.files import fingerprint
from skytier.local.nginx import reloadable
from skytier.local.plan import Found, Step, Wanted, nothing_to_do, plan, stop_all

OLD, NEW = fingerprint("old"), fingerprint("new")
DATABASE = {"version": "18.4", "configuration": OLD}
APPLICATION = {"version": "0.1.0", "workers": "2", "release": OLD, "settings": OLD}
NGINX = {"version": "1.22.1", "port": "8000", "address": "127.0.0.1", "configuration": OLD}

ALL = {
    "postgresql": Wanted(DATABASE),
    "application": Wanted(APPLICATION),
    "nginx": Wanted(NGINX, reloadable),
}
RUNNING = {
    "postgresql": Found(pid=1, marks=DATABASE),
    "application": Found(pid=2, marks=APPLICATION),
    "nginx": Found(pid=3, marks=NGINX),
}
KEPT = ["postgresql keep", "application keep", "nginx keep"]


def without(*names: str) -> dict[str, Wanted]:
    return {name: wanted for name, wanted in ALL.items() if name not in names}


TABLE = {
    "nothing is there yet": (
        ALL,
        {"postgresql": Found(created=False), "application": Found(), "nginx": Found()},
        ["postgresql create", "migrations run", "application start", "nginx start"],
    ),
    "all is as wanted": (ALL, {}, KEPT),
    "all was stopped": (
        ALL,
        {"postgresql": Found(), "application": Found(), "nginx": Found()},
        ["postgresql start", "migrations run", "application start", "nginx start"],
    ),
    "only the database was killed": (
        ALL,
        {"postgresql": Found(leftovers=(7, 8))},
        ["postgresql start", "application keep", "nginx keep"],
    ),
    "the application left its workers behind": (
        ALL,
        {"application": Found(leftovers=(7, 8))},
        ["postgresql keep", "migrations run", "application start", "nginx keep"],
    ),
    "the start of the database was cut short": (
        ALL,
        {"postgresql": Found(pid=1)},
        ["postgresql restart", "application keep", "nginx keep"],
    ),
    "another port": (
        ALL,
        {"nginx": Found(pid=3, marks=NGINX | {"port": "9000", "configuration": NEW})},
        ["postgresql keep", "application keep", "nginx reload"],
    ),
    "another address and another port": (
        ALL,
        {"nginx": Found(pid=3, marks=NGINX | {"port": "9000", "address": "::"})},
        ["postgresql keep", "application keep", "nginx reload"],
    ),
    "another address with the same port, which would meet itself": (
        ALL,
        {"nginx": Found(pid=3, marks=NGINX | {"address": "0.0.0.0"})},
        ["postgresql keep", "application keep", "nginx restart"],
    ),
    "another Nginx": (
        ALL,
        {"nginx": Found(pid=3, marks=NGINX | {"version": "1.18.0"})},
        ["postgresql keep", "application keep", "nginx restart"],
    ),
    "a new release": (
        ALL,
        {"application": Found(pid=2, marks=APPLICATION | {"release": NEW})},
        ["postgresql keep", "migrations run", "application restart", "nginx keep"],
    ),
    "a new version of PostgreSQL": (
        ALL,
        {"postgresql": Found(pid=1, marks=DATABASE | {"version": "18.3"})},
        ["postgresql restart", "application keep", "nginx keep"],
    ),
    "the database is elsewhere now": (
        without("postgresql"),
        {"application": Found(pid=2, marks=APPLICATION | {"settings": NEW})},
        ["postgresql stop", "migrations run", "application restart", "nginx keep"],
    ),
    "Nginx was taken off the machine": (
        without("nginx"),
        {"application": Found(pid=2, marks=APPLICATION | {"settings": NEW})},
        ["nginx stop", "postgresql keep", "migrations run", "application restart"],
    ),
    "no Nginx, and there never was": (
        without("nginx"),
        {"nginx": Found()},
        ["postgresql keep", "application keep"],
    ),
}


@pytest.mark.parametrize(("wanted", "found", "steps"), TABLE.values(), ids=TABLE.keys())
def test_the_plan_leads_from_what_is_found_to_what_is_wanted(
    wanted: dict[str, Wanted], found: dict[str, Found], steps: list[str]
) -> None:
    planned = plan(wanted, RUNNING | found)

    assert [f"{step.service} {step.action}" for step in planned] == steps


@pytest.mark.parametrize(("wanted", "found", "steps"), TABLE.values(), ids=TABLE.keys())
def test_after_the_steps_there_is_nothing_left_to_do(
    wanted: dict[str, Wanted], found: dict[str, Found], steps: list[str]
) -> None:
    after = applied(plan(wanted, RUNNING | found), wanted, RUNNING | found)

    assert nothing_to_do(plan(wanted, after))


@pytest.mark.parametrize(("wanted", "found", "steps"), TABLE.values(), ids=TABLE.keys())
def test_what_runs_is_stopped_from_the_front_to_the_back(
    wanted: dict[str, Wanted], found: dict[str, Found], steps: list[str]
) -> None:
    before = RUNNING | found
    stops = stop_all(before)

    assert [step.service for step in stops] == [
        name
        for name in ("nginx", "application", "postgresql")
        if before[name].pid or before[name].leftovers
    ]
    assert not stop_all(applied(stops, wanted, before))


def test_a_step_says_what_changed() -> None:
    marks = APPLICATION | {"workers": "4", "release": NEW}
    steps = plan(ALL, RUNNING | {"application": Found(pid=2, marks=marks)})

    restart = next(step for step in steps if step.service == "application")
    assert restart.why == "changed release, workers 4 → 2"


def applied(
    steps: list[Step], wanted: dict[str, Wanted], found: dict[str, Found]
) -> dict[str, Found]:
    """What would be found after the steps."""
    after = dict(found)
    for step in steps:
        if step.action == "stop":
            after[step.service] = Found()
        elif step.service in wanted and step.action != "keep":
            after[step.service] = Found(pid=9, marks=wanted[step.service].marks)
    return after

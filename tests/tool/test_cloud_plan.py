"""Wanted + found -> steps, as a table; then the steps applied to the found, and nothing is left."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.openstack.plan.kinds import RULES

NETWORK, SUBNET = Key("network", "shop-network"), Key("subnet", "shop-subnet")
GROUP, PORT = Key("security group", "shop-web"), Key("port", "shop-web-1")
SERVER, IP = Key("server", "shop-web-1"), Key("floating IP", "shop-web-1")
CONFIGURATION, RELEASE = Key("configuration", "shop-web-1"), Key("release", "shop-web-1")
DATABASE = Key("server", "shop-database-1")
DATABASE_CONFIGURATION = Key("configuration", "shop-database-1")
TAGS = ["skytier:stack=shop"]

WANTED = [
    Wanted(GROUP, {"rules": [[80, "0.0.0.0/0"], [22, "0.0.0.0/0"]], "tags": TAGS}),
    Wanted(NETWORK, {"tags": TAGS}),
    Wanted(
        SUBNET, {"network": NETWORK, "cidr": "192.168.128.0/24"}, needs=[NETWORK], protected="x"
    ),
    Wanted(PORT, {"network": NETWORK, "security_groups": [GROUP]}, needs=[SUBNET, GROUP]),
    Wanted(
        SERVER,
        {"image": "debian-12", "flavor": "m1.small", "power": "running"},
        needs=[PORT],
        after=[DATABASE],
    ),
    Wanted(
        DATABASE,
        {"image": "debian-12", "flavor": "m1.small", "power": "running"},
        protected="the data",
    ),
    Wanted(IP, {"port": PORT}, needs=[PORT]),
    Wanted(DATABASE_CONFIGURATION, {"fingerprint": "d"}, needs=[DATABASE, SERVER, IP]),
    Wanted(
        CONFIGURATION,
        {"fingerprint": "w"},
        needs=[SERVER, IP],
        triggers=[DATABASE_CONFIGURATION],
    ),
    Wanted(RELEASE, {"release": "1"}, needs=[SERVER, CONFIGURATION, DATABASE_CONFIGURATION]),
]
# Everything but the kinds that the table has no need of.
KEYS = [each.key for each in WANTED]


def found(key: Key, **attributes: object) -> Found:
    """A resource as the plan would have made it, with other values in some attributes."""
    wanted = next(each for each in WANTED if each.key == key)
    made = Known({each: Found(each, f"id of {each}", {}) for each in KEYS})
    return Found(key, f"id of {key}", {**made.attributes(wanted), **attributes})


ALL = {key: found(key) for key in KEYS}


def there(*changed: Found, without: Sequence[Key] = ()) -> list[Found]:
    by_key = {**ALL, **{each.key: each for each in changed}}
    return [each for key, each in by_key.items() if key not in without]


TABLE: dict[str, tuple[list[Found], dict[Key, Action]]] = {
    "all is as wanted": (there(), {}),
    "nothing is there yet": ([], dict.fromkeys(KEYS, Action.CREATE)),
    "a rule is missing, and another one is there": (
        there(found(GROUP, rules=[[80, "0.0.0.0/0"], [23, "0.0.0.0/0"]])),
        {GROUP: Action.CHANGE},
    ),
    "the rules are there in another order": (
        there(found(GROUP, rules=[[22, "0.0.0.0/0"], [80, "0.0.0.0/0"]])),
        {},
    ),
    "a tag was never set, since the run was killed after the creation": (
        there(found(NETWORK, tags=[])),
        {NETWORK: Action.CHANGE},
    ),
    "the floating IP leads nowhere": (there(found(IP, port=None)), {IP: Action.CHANGE}),
    "a server was stopped": (
        there(found(SERVER, power="shutoff")),
        # Whether all is well is asked when it runs again.
        {SERVER: Action.CHANGE, CONFIGURATION: Action.CHANGE, RELEASE: Action.CHANGE},
    ),
    "another flavor is wanted": (
        there(found(SERVER, flavor="m1.large"), found(DATABASE, flavor="m1.large")),
        {
            SERVER: Action.CHANGE,
            DATABASE: Action.CHANGE,
            # Once they are back it is looked whether all is well.
            CONFIGURATION: Action.CHANGE,
            DATABASE_CONFIGURATION: Action.CHANGE,
            RELEASE: Action.CHANGE,
        },
    ),
    "another image is wanted for a server without data": (
        there(found(SERVER, image="debian-13")),
        {SERVER: Action.REPLACE, CONFIGURATION: Action.CREATE, RELEASE: Action.CREATE},
    ),
    "a server is in ERROR": (
        there(replace(ALL[SERVER], fault="it is in ERROR: no valid host")),
        {SERVER: Action.REPLACE, CONFIGURATION: Action.CREATE, RELEASE: Action.CREATE},
    ),
    "a server is gone": (
        there(without=[SERVER, CONFIGURATION, RELEASE]),
        {SERVER: Action.CREATE, CONFIGURATION: Action.CREATE, RELEASE: Action.CREATE},
    ),
    "the role changed": (
        there(found(CONFIGURATION, fingerprint="other")),
        {CONFIGURATION: Action.CHANGE, RELEASE: Action.CHANGE},
    ),
    "there is a new release": (there(found(RELEASE, release="0")), {RELEASE: Action.CHANGE}),
    "the database was made anew, and has another password": (
        there(without=[DATABASE, DATABASE_CONFIGURATION]),
        {
            DATABASE: Action.CREATE,
            DATABASE_CONFIGURATION: Action.CREATE,
            CONFIGURATION: Action.CHANGE,
            RELEASE: Action.CHANGE,
        },
    ),
    "the machine is new, and its configuration was that of another": (
        there(without=[SERVER]),
        {SERVER: Action.CREATE, CONFIGURATION: Action.CREATE, RELEASE: Action.CREATE},
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_steps_are_those_of_the_table(case: str) -> None:
    before, expected = TABLE[case]
    steps = plan(WANTED, before, RULES)
    assert {step.key: step.action for step in steps if step.action is not Action.KEEP} == expected
    assert {step.key for step in steps} == set(KEYS)


@pytest.mark.parametrize("case", TABLE)
def test_the_plan_after_a_plan_was_carried_out_is_empty(case: str) -> None:
    before, _ = TABLE[case]
    assert nothing_to_do(plan(WANTED, carried_out(plan(WANTED, before, RULES)), RULES))


def carried_out(steps: Sequence[Step]) -> list[Found]:
    """What is there after the steps."""
    return [ALL[step.key] for step in steps if step.action is not Action.DELETE]


def test_a_step_comes_after_those_that_it_needs() -> None:
    steps = plan(WANTED, [], RULES)
    position = {step.key: index for index, step in enumerate(steps)}
    for step in steps:
        assert all(position[key] < position[step.key] for key in step.needs)
    assert all(step.needs for step in steps if step.key == PORT)


def test_what_is_not_wanted_any_more_is_deleted_after_what_holds_it() -> None:
    steps = plan([], there(), RULES)
    order = {step.key: step for step in steps}
    assert {step.action for step in steps} == {Action.DELETE}
    assert CONFIGURATION not in order
    assert set(order[PORT].needs) == {SERVER, DATABASE, IP}
    assert set(order[SUBNET].needs) == {PORT}
    assert set(order[NETWORK].needs) == {PORT, SUBNET}
    assert set(order[GROUP].needs) == {PORT}


def test_of_two_with_one_name_the_older_sound_one_stays() -> None:
    younger = replace(ALL[PORT], id="younger", created_at="2026-02-02T00:00:00Z")
    older = replace(ALL[PORT], created_at="2026-01-01T00:00:00Z")
    steps = plan(WANTED, [*there(older), younger], RULES)
    deleted = [step for step in steps if step.action is Action.DELETE]
    assert [(step.key, step.found and step.found.id) for step in deleted] == [(PORT, "younger")]
    assert "duplicate" in deleted[0].reason


def test_a_machine_with_data_is_never_replaced() -> None:
    steps = plan(WANTED, there(found(DATABASE, image="ubuntu-24.04")), RULES)
    [step] = [step for step in steps if step.key == DATABASE]
    assert (step.action, step.loses) == (Action.REPLACE, "the data")


def test_machines_are_resized_one_after_another_and_the_plan_says_that_they_will_be_away() -> None:
    steps = plan(
        WANTED, there(*(found(key, flavor="m1.large") for key in (SERVER, DATABASE))), RULES
    )
    by_key = {step.key: step for step in steps}
    assert DATABASE in by_key[SERVER].needs
    assert SERVER not in by_key[DATABASE].needs
    assert by_key[SERVER].reason.startswith("resize: it is away")
    assert DATABASE not in {step.key: step for step in plan(WANTED, [], RULES)}[SERVER].needs


def test_a_change_says_the_old_and_the_new_value() -> None:
    steps = plan(WANTED, there(found(SERVER, power="shutoff")), RULES)
    [change] = [change for step in steps for change in step.changes]
    assert (change.attribute, change.old, change.new) == ("power", "shutoff", "running")

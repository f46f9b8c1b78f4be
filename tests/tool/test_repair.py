"""What is broken: the state of each resource -> what is wrong, and what `up` does about it."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.cli import chosen
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.condition import Wrong
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, one_of_each, plan
from skytier.errors import SkytierError
from skytier.openstack.machines.look import to_mend
from skytier.openstack.plan import members, repair
from skytier.openstack.plan.given_up import give_up
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.torn import recognised
from skytier.openstack.resources import waiting
from skytier.openstack.resources.interface import NOTE
from skytier.openstack.resources.running import awake, started
from skytier.openstack.resources.server_state import State, state_of
from skytier.openstack.resources.volume import DATA_ID
from skytier.openstack.stack import CloudStack
from skytier.services.patroni.service import PAUSED
from skytier.stackfile import StackFile, parse
from skytier.status import Fault, MachineStatus, ServiceStatus

from .test_volumes import all_wanted, there, without

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LONG_AGO, JUST_NOW = "2026-11-29T10:59:59Z", "2026-11-29T11:30:00Z"
RAN = {"launched_at": LONG_AGO}


@pytest.mark.parametrize(
    ("status", "more", "means"),
    [
        ("ACTIVE", RAN, State()),
        ("SHUTOFF", RAN, State(drift="it is off", undo="it is started")),
        ("PAUSED", RAN, State(drift="it is paused", undo="it is unpaused")),
        ("SUSPENDED", RAN, State(drift="it is suspended", undo="it is resumed")),
        ("SHELVED", RAN, State(drift="it is shelved", undo="it is unshelved")),
        ("SHELVED_OFFLOADED", RAN, State(drift="it is shelved", undo="it is unshelved")),
        ("VERIFY_RESIZE", RAN, State(drift="its resize was not finished", undo="it is finished")),
        ("MIGRATING", RAN, State(drift="it is in MIGRATING", undo="it is waited for")),
        ("BUILD", {"created_at": JUST_NOW}, State(drift="it is in BUILD", undo="it is waited for")),
        (
            "BUILD",
            {"created_at": LONG_AGO},
            State(f"Nova has been building it since {LONG_AGO}, and it never ran"),
        ),
        ("ERROR", {"reason": "No valid host"}, State("it is in ERROR: No valid host")),
        (
            "ERROR",
            RAN | {"reason": "The host is gone"},
            State("it is in ERROR: The host is gone", mend="hard reboot"),
        ),
        ("ACTIVE", RAN | {"task": "deleting"}, State("it is being deleted")),
        (
            "RESCUE",
            RAN,
            State(
                "it is in rescue mode, so somebody may be working on its disk",
                by_hand="Once that is done: openstack server unrescue 1. Then run skytier up "
                "again.",
            ),
        ),
        (
            "UNKNOWN",
            RAN,
            State(
                "it is in UNKNOWN",
                by_hand="See what holds it: openstack server show 1. Then run skytier up again.",
            ),
        ),
    ],
)
def test_each_state_of_a_server_has_a_meaning(
    status: str, more: Mapping[str, Any], means: State
) -> None:
    assert state_of("1", status, NOW, **more) == means


WITH_VOLUME, WITHOUT = parse("database.volume_gib = 10"), parse("")
BACKED_UP = parse('[backup]\nkind = "path"\npath = "/srv/backups"')
DATABASE, WEB = "skytier-database-1", "skytier-web-1"
THE_DATA = "the data of the application"


def server(name: str) -> Key:
    return Key("server", name)


def a_stack(stack: StackFile) -> dict[Key, Found]:
    """A stack that is up, as `recognised` gets it: nothing is wrong with it."""
    found = there(stack)
    roles = {DATABASE: "database", WEB: "web"}
    for key, each in found.items():
        facts: dict[str, Any] = {**each.facts, "role": roles.get(key.name, "")}
        match key.kind:
            case "server":
                noted = {NOTE: f"fa:16:3e:00:00:01 {facts['address']}"}
                if key.name == DATABASE and stack is WITH_VOLUME:
                    noted[DATA_ID] = str(found[Key("volume", DATABASE)].id)
                facts |= {"launched_at": LONG_AGO, "metadata": noted}
            case "port":
                facts |= {"device": found[server(key.name)].id}
            case "volume":
                facts |= {"status": "in-use", "servers": [found[server(key.name)].id]}
        found[key] = replace(each, facts=facts)
    return found


def planned(
    found: Mapping[Key, Found], stack: StackFile, given_up: Sequence[str] = (), **how: bool
) -> list[Step]:
    judged = recognised(
        list(found.values()),
        own_network=how.get("own_network", True),
        backups=repair.backups(stack),
    )
    judged = give_up(judged, given_up, {"database": THE_DATA})
    known = {each.key: each for each in judged}
    return plan(all_wanted(stack, dict(known)), judged, RULES)  # type: ignore[arg-type]


def faults(found: Mapping[Key, Found], stack: StackFile, **how: Any) -> list[Fault]:
    return repair.faults(planned(found, stack, **how), stack)


def action(steps: Sequence[Step], kind: str, name: str) -> Action:
    return next(step.action for step in steps if step.key == Key(kind, name))


def changed(found: dict[Key, Found], key: Key, **values: Any) -> dict[Key, Found]:
    """With other facts, attributes or fields of one resource."""
    one = found[key]
    facts = {**one.facts, **values.pop("facts", {})}
    attributes = {**one.attributes, **values.pop("attributes", {})}
    return {**found, key: replace(one, facts=facts, attributes=attributes, **values)}


@pytest.mark.parametrize("stack", [WITHOUT, WITH_VOLUME, BACKED_UP])
def test_nothing_is_wrong_with_a_stack_that_is_up(stack: StackFile) -> None:
    steps = planned(a_stack(stack), stack)

    assert {step.action for step in steps} == {Action.KEEP}
    assert repair.faults(steps, stack) == []


def test_a_server_that_is_off_is_started_whatever_it_holds() -> None:
    for name in (WEB, DATABASE):
        off = asdict_state("SHUTOFF")
        found = changed(a_stack(WITHOUT), server(name), attributes={"power": "shutoff"}, **off)

        steps = planned(found, WITHOUT)

        assert action(steps, "server", name) is Action.CHANGE
        assert action(steps, "configuration", name) is Action.CHANGE  # its checks are asked
        [fault] = repair.faults(steps, WITHOUT)
        assert (fault.resource, fault.what, fault.up) == (name, "it is off", "it is started")


def asdict_state(status: str, **more: Any) -> dict[str, str]:
    return dict(vars(state_of("1", status, NOW, **RAN, **more)))


ERROR = asdict_state("ERROR", reason="no host")


def test_a_web_server_in_error_is_replaced_and_a_database_server_rebooted() -> None:
    web = planned(changed(a_stack(WITHOUT), server(WEB), **ERROR), WITHOUT)
    assert action(web, "server", WEB) is Action.REPLACE
    assert action(web, "release", WEB) is Action.CREATE

    database = planned(changed(a_stack(WITHOUT), server(DATABASE), **ERROR), WITHOUT)
    assert action(database, "server", DATABASE) is Action.CHANGE
    [fault] = repair.faults(database, WITHOUT)
    assert (fault.what, fault.up) == ("it is in ERROR: no host", "hard reboot")


def test_a_database_server_in_error_is_replaced_where_its_volume_has_the_data() -> None:
    steps = planned(changed(a_stack(WITH_VOLUME), server(DATABASE), **ERROR), WITH_VOLUME)

    assert action(steps, "server", DATABASE) is Action.REPLACE
    assert action(steps, "volume", DATABASE) is Action.KEEP
    refuse_losses(steps)


def test_what_a_person_has_to_do_comes_first_and_nothing_else_is_done() -> None:
    rescue = asdict_state("RESCUE")
    steps = planned(changed(a_stack(WITHOUT), server(WEB), **rescue), WITHOUT)

    [fault] = repair.faults(steps, WITHOUT)
    assert fault.up == ""
    assert "openstack server unrescue 1" in fault.do
    with pytest.raises(LossError) as refused:
        refuse_losses(steps)
    assert "is left as it is: it is in rescue mode" in refused.value.what
    assert refused.value.do == fault.do


def test_a_server_in_rescue_mode_is_never_the_duplicate_that_is_deleted() -> None:
    found = changed(a_stack(WITHOUT), server(DATABASE), **asdict_state("RESCUE"))
    another = replace(a_stack(WITHOUT)[server(DATABASE)], id="another", created_at="")

    steps = plan(all_wanted(WITHOUT, found), [*found.values(), another], RULES)  # type: ignore[arg-type]

    deleted = [step.found.id for step in steps if step.action is Action.DELETE and step.found]
    assert deleted == ["another"]
    with pytest.raises(LossError):
        refuse_losses(steps)


PORT, ADDRESS = Key("port", WEB), Key("floating IP", WEB)


def test_a_port_that_was_detached_is_attached_again() -> None:
    steps = planned(changed(a_stack(WITHOUT), PORT, facts={"device": None}), WITHOUT)

    assert action(steps, "server", WEB) is Action.CHANGE
    assert action(steps, "configuration", WEB) is Action.CHANGE
    [fault] = repair.faults(steps, WITHOUT)
    assert (fault.what, fault.up) == ("its port was detached", "it is attached again")


@pytest.mark.parametrize("has_it", ["older", "newer"])
@pytest.mark.parametrize("listed", [1, -1])
def test_of_two_ports_of_one_name_the_one_that_the_server_has_stays(
    has_it: str, listed: int
) -> None:
    found = a_stack(WITHOUT)
    device = found[PORT].facts["device"]
    older, newer = (
        replace(
            found[PORT],
            id=each,
            created_at=each,
            facts={**found[PORT].facts, "device": device if each == has_it else None},
        )
        for each in ("older", "newer")
    )
    # That one is at another address, so only what is done to servers and ports is looked at.
    address = changed(found, ADDRESS, attributes={"port": has_it})[ADDRESS]
    others = without(found, PORT, ADDRESS)
    listing = [*others.values(), address, *[older, newer][::listed]]

    judged = recognised(listing, own_network=True)
    known = Known(one_of_each(judged)[0])
    steps = plan(all_wanted(WITHOUT, known), judged, RULES)

    assert known[PORT].id == has_it
    assert action(steps, "server", WEB) is Action.KEEP
    assert action(steps, "floating IP", WEB) is Action.KEEP
    [deleted] = [step.found for step in steps if step.action is Action.DELETE]
    assert deleted
    assert deleted.id == ({"older", "newer"} - {has_it}).pop()
    assert repair.faults(steps, WITHOUT) == []


def test_a_port_that_is_gone_is_made_again_at_its_address_and_its_floating_ip_leads_there() -> None:
    found = changed(without(a_stack(WITHOUT), PORT), ADDRESS, attributes={"port": None})

    steps = planned(found, WITHOUT)

    made = next(step for step in steps if step.key == PORT)
    assert made.action is Action.CREATE
    assert made.wanted is not None
    assert made.wanted.creation == {"mac": "fa:16:3e:00:00:01", "address": "192.168.128.9"}
    assert action(steps, "server", WEB) is Action.CHANGE
    assert action(steps, "floating IP", WEB) is Action.CHANGE
    # Others know it by the same address.
    assert action(steps, "configuration", DATABASE) is Action.KEEP


def test_where_no_port_was_noted_a_web_server_is_replaced_and_a_database_keeps_its_disk() -> None:
    for name, does in ((WEB, Action.REPLACE), (DATABASE, Action.CHANGE)):
        found = changed(a_stack(WITHOUT), ADDRESS, attributes={"port": None})
        found = without(found, Key("port", name))

        steps = planned(found, WITHOUT, own_network=False)

        assert action(steps, "server", name) is does
        refuse_losses(steps)


def test_a_server_that_is_being_built_has_its_port_in_a_moment() -> None:
    found = changed(a_stack(WITHOUT), server(WEB), facts={"launched_at": None})

    assert faults(changed(found, PORT, facts={"device": None}), WITHOUT) == []


@pytest.mark.parametrize(
    ("stack", "key", "values", "what", "do"),
    [
        (WITHOUT, PORT, {"facts": {"device": "x"}}, "the server x has it", "remove port x"),
        (
            WITHOUT,
            ADDRESS,
            {"attributes": {"port": "p"}},
            "leads to the port p",
            "floating ip unset",
        ),
        (
            WITH_VOLUME,
            Key("volume attachment", DATABASE),
            {"attributes": {"server": "x"}},
            "the server x has it",
            f"remove volume x {DATABASE}",
        ),
        (
            WITH_VOLUME,
            Key("volume", DATABASE),
            {"facts": {"status": "detaching"}},
            "it is being detached",
            "Run skytier up again once that has ended",
        ),
    ],
    ids=["port", "floating IP", "attachment", "detaching"],
)
def test_what_others_have_is_named_and_left_there(
    stack: StackFile, key: Key, values: dict[str, Any], what: str, do: str
) -> None:
    steps = planned(changed(a_stack(stack), key, **values), stack)

    [fault] = repair.faults(steps, stack)
    assert (Key(fault.kind, fault.resource), fault.up) == (key, "")
    assert what in fault.what
    assert do in fault.do
    assert "{" not in fault.do
    with pytest.raises(LossError):
        refuse_losses(steps)


def test_a_volume_may_be_detached_because_its_server_is_being_deleted() -> None:
    found = changed(a_stack(WITH_VOLUME), Key("volume", DATABASE), facts={"status": "detaching"})

    steps = planned(changed(found, server(DATABASE), fault="it is being deleted"), WITH_VOLUME)

    assert action(steps, "server", DATABASE) is Action.REPLACE
    refuse_losses(steps)


def test_a_server_that_somebody_deletes_with_its_data_is_waited_for() -> None:
    leaving = asdict_state("ACTIVE", task="deleting")
    steps = planned(changed(a_stack(WITHOUT), server(DATABASE), **leaving), WITHOUT)

    [fault] = repair.faults(steps, WITHOUT)
    assert (fault.what, fault.up) == ("it is being deleted", "")
    assert "once it is gone" in fault.do
    assert "mend" not in fault.do
    with pytest.raises(LossError):
        refuse_losses(steps)
    # One with nothing to lose is made again once it is gone, and so is one that is given up.
    web = planned(changed(a_stack(WITHOUT), server(WEB), **leaving), WITHOUT)
    assert action(web, "server", WEB) is Action.REPLACE
    refuse_losses(web)
    given_up = planned(changed(a_stack(WITHOUT), server(DATABASE), **leaving), WITHOUT, [DATABASE])
    assert action(given_up, "server", DATABASE) is Action.REPLACE
    refuse_losses(given_up)


def test_an_address_that_leads_nowhere_is_led_back() -> None:
    steps = planned(changed(a_stack(WITHOUT), ADDRESS, attributes={"port": None}), WITHOUT)

    assert action(steps, "floating IP", WEB) is Action.CHANGE
    [fault] = repair.faults(steps, WITHOUT)
    assert (fault.what, fault.up) == ("it leads nowhere", "it is led to its machine")


def test_an_address_that_is_gone_is_another_one_afterwards() -> None:
    [fault] = faults(without(a_stack(WITHOUT), ADDRESS), WITHOUT)

    assert fault.what == "it is gone"
    assert "its DNS name has to follow" in fault.up


def test_a_volume_that_was_detached_is_attached_again_and_mounted() -> None:
    found = without(a_stack(WITH_VOLUME), Key("volume attachment", DATABASE))

    steps = planned(found, WITH_VOLUME)

    assert action(steps, "volume attachment", DATABASE) is Action.CREATE
    assert action(steps, "configuration", DATABASE) is Action.CHANGE
    assert action(steps, "server", DATABASE) is Action.KEEP
    [fault] = repair.faults(steps, WITH_VOLUME)
    assert fault.what == "the volume was detached"


VOLUME = Key("volume", DATABASE)


def test_a_volume_that_is_gone_with_its_data_is_not_replaced_by_an_empty_one() -> None:
    found = without(a_stack(WITH_VOLUME), VOLUME, Key("volume attachment", DATABASE))

    steps = planned(found, WITH_VOLUME)

    [fault] = repair.faults(steps, WITH_VOLUME)
    assert "with its data is gone" in fault.what
    assert f"skytier up --give-up {DATABASE}" in fault.do
    assert "There are no backups" in fault.do
    with pytest.raises(LossError):
        refuse_losses(steps)
    given_up = planned(found, WITH_VOLUME, [DATABASE])
    assert action(given_up, "server", DATABASE) is Action.REPLACE
    assert action(given_up, "volume", DATABASE) is Action.CREATE
    refuse_losses(given_up)


def test_a_broken_server_with_data_is_given_up_only_when_it_is_named() -> None:
    found = changed(a_stack(WITHOUT), server(DATABASE), **ERROR)

    steps = planned(found, WITHOUT, [DATABASE])

    step = next(step for step in steps if step.key == server(DATABASE))
    assert (step.action, step.loses) == (Action.REPLACE, "")
    assert step.reason == f"it is in ERROR: no host; it is given up, with {THE_DATA}"


@pytest.mark.parametrize("name", [DATABASE, "skytier-database-2"])
def test_what_is_not_broken_is_not_given_up(name: str) -> None:
    with pytest.raises(SkytierError, match=r"is not broken|has no server") as refused:
        planned(a_stack(WITHOUT), WITHOUT, [name])
    # As it is once a run was interrupted after that server was deleted, or made again.
    assert "go on without --give-up: skytier up" in (refused.value.do or "")


class Moving(CloudStack):
    """A stack whose floating IP moves. It notes which servers each plan gives up."""

    def __init__(self, given_up: Sequence[str]) -> None:
        self.given_up = given_up
        self.plans: list[list[str]] = []

    def plan(self, **how: Any) -> Any:
        self.plans.append([*self.given_up])
        return SimpleNamespace(has_more_to_do=True, wrong=(), steps=[])

    def approved(self, current: Any, approved: Any) -> Any:
        return current

    def held(self, what: str, lost: Any) -> Any:
        return nullcontext()

    def hooks(self, current: Any) -> Any:
        return nullcontext()

    def make_network(self) -> None:
        """Its network is there."""

    def _carried_out(self, plan: Any, events: Any, lost: Any) -> Any:
        return SimpleNamespace(url="http://192.0.2.7", waits_for=str, ipv6_url="", ask_by_ipv6=str)


def test_what_was_given_up_is_well_when_the_rest_is_planned() -> None:
    stack = Moving([DATABASE])
    stack.up(cast(Any, SimpleNamespace(wrong=())), cast(Any, None))
    assert stack.plans == [[DATABASE], []]


@pytest.mark.parametrize(
    ("stack", "up", "do"),
    [
        (WITHOUT, "another one is made, which is empty", "There are no backups of it."),
        (BACKED_UP, "another one is made, which is empty", repair.RESTORE),
        (WITH_VOLUME, "it is made again, with its volume", ""),
    ],
    ids=["nothing", "backups", "volume"],
)
def test_a_lost_database_server_is_named_with_what_is_lost(
    stack: StackFile, up: str, do: str
) -> None:
    gone = (server(DATABASE), Key("configuration", DATABASE), Key("volume attachment", DATABASE))
    found = changed(without(a_stack(stack), *gone), Key("port", DATABASE), facts={"device": None})

    [fault] = faults(found, stack)

    assert (fault.kind, fault.resource, fault.up, fault.do) == ("server", DATABASE, up, do)
    assert (THE_DATA in fault.what) == bool(do)


def test_a_lost_web_server_is_made_again() -> None:
    gone = [Key(kind, WEB) for kind in ("server", "configuration", "delivery", "release")]

    [fault] = faults(
        changed(without(a_stack(WITHOUT), *gone), PORT, facts={"device": None}), WITHOUT
    )

    assert (fault.what, fault.up, fault.do) == ("it is gone", "it is made again", "")


def test_a_new_machine_is_not_one_that_is_gone() -> None:
    assert faults(a_stack(WITHOUT), parse("web.count = 2\nbalancer.kind = 'none'")) == []


def test_a_machine_with_a_failed_service_is_set_up_again_and_then_its_release_is_asked() -> None:
    found = a_stack(WITHOUT)
    fault = Fault(WEB, "unit", "nginx.service is failed", "it is started", "")
    judged = to_mend(list(found.values()), [Wrong(fault, "systemctl start nginx")])

    steps = plan(all_wanted(WITHOUT, found), judged, RULES)  # type: ignore[arg-type]

    step = next(step for step in steps if step.key == Key("configuration", WEB))
    assert (step.action, step.reason) == (
        Action.CHANGE,
        "nginx.service is failed: it is started",
    )
    assert action(steps, "release", WEB) is Action.CHANGE
    assert action(steps, "configuration", DATABASE) is Action.KEEP


def test_a_member_that_does_not_follow_is_told_with_the_command_that_clones_it_again() -> None:
    checks = [
        ServiceStatus("patroni", False, None, "This member is not healthy: stopped.\nits log"),
        ServiceStatus("etcd", False, None, "etcd has no majority of its voters: ..."),
        ServiceStatus("postgresql", False, None, "PostgreSQL refuses"),
    ]
    machine = MachineStatus("shop-database-2", "database", "", False, checks, [])

    follows, agrees = members.faults([machine], parse('name = "shop"\ndatabase.members = 2'))

    assert follows.what == "This member is not healthy: stopped"
    assert "reinit shop shop-database-2 --force'" in follows.do
    assert (follows.up, agrees.kind) == ("", "etcd")
    assert "more than half of the voters" in agrees.do


def test_a_pause_of_patroni_is_told_and_nothing_is_cloned_for_it() -> None:
    checks = [ServiceStatus("patroni", False, None, f"{PAUSED}.\nits log")]
    machine = MachineStatus("shop-database-2", "database", "", False, checks, [])

    [fault] = members.faults([machine], parse('name = "shop"\ndatabase.members = 2'))

    assert fault.what == PAUSED
    assert "resume'" in fault.do
    assert "reinit" not in fault.do
    # In the middle of a restore, what was before it would be promoted.
    assert "whether one goes on, or was interrupted" in fault.do


def test_on_this_machine_there_is_no_server_to_give_up() -> None:
    with pytest.raises(SkytierError, match="is for a stack on a cloud"):
        chosen.dialog(parse(""), None, given_up=["shop-database-1"])


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_S", 0)


class Nova:
    """A compute service: it gives these states, one at each look, and notes what it is asked."""

    def __init__(self, *states: tuple[str, str | None]) -> None:
        self.states, self.calls = list(states), list[str]()

    def get_server(self, server_id: str) -> SimpleNamespace:
        status, task = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        fault = {"message": "no disk"} if status == "ERROR" else None
        return SimpleNamespace(
            id=server_id, name=WEB, status=status, task_state=task, fault=fault, launched_at=None
        )

    def __getattr__(self, call: str) -> Any:
        return lambda server: self.calls.append(call)


def runs(nova: Nova) -> Any:
    there = nova.get_server("1")
    if there.status == "SHUTOFF":
        return started(nova, there, "start_server", "it is started", lambda told: None)
    return awake(nova, there, lambda told: None)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("status", "call"),
    [
        ("SHUTOFF", "start_server"),
        ("SUSPENDED", "resume_server"),
        ("PAUSED", "unpause_server"),
        ("SHELVED_OFFLOADED", "unshelve_server"),
    ],
)
def test_what_nova_gives_up_is_not_awaited(status: str, call: str) -> None:
    nova = Nova((status, None), (status, "scheduling"), (status, None))

    with pytest.raises(SkytierError) as refused:
        runs(nova)

    assert nova.calls == [call]
    assert f"the server {WEB} is in {status} as before" in refused.value.what
    assert "openstack server event list 1" in refused.value.do


@pytest.mark.usefixtures("no_pauses")
def test_one_look_without_a_task_is_not_yet_the_end_of_it() -> None:
    nova = Nova(*[("SHUTOFF", None)] * 3, *[("SHUTOFF", "powering-on")] * 9, ("ACTIVE", None))

    assert runs(nova).status == "ACTIVE"
    assert nova.calls == ["start_server"]


@pytest.mark.usefixtures("no_pauses")
def test_a_server_that_runs_is_not_asked_for_anything() -> None:
    nova = Nova(("ACTIVE", None))

    assert runs(nova).status == "ACTIVE"
    assert nova.calls == []


@pytest.mark.parametrize(
    ("stack", "name", "does"),
    [
        (WITHOUT, WEB, Action.REPLACE),
        (WITH_VOLUME, DATABASE, Action.REPLACE),
        (WITHOUT, DATABASE, None),
    ],
)
def test_a_shelved_server_that_nova_cannot_wake_is_replaced_unless_its_disk_has_data(
    stack: StackFile, name: str, does: Action | None
) -> None:
    facts = {"status": "SHELVED_OFFLOADED", "addresses": ["192.168.128.9"]}
    led_nowhere = {"attributes": {"port": None}} if name == WEB else {}
    found = changed(
        changed(without(a_stack(stack), Key("port", name)), ADDRESS, **led_nowhere),
        server(name),
        facts=facts,
        **asdict_state("SHELVED_OFFLOADED"),
    )

    steps = planned(found, stack)

    if does:
        assert action(steps, "server", name) is does
        assert action(steps, "port", name) is Action.CREATE
        refuse_losses(steps)
    else:
        with pytest.raises(LossError, match="Nova cannot unshelve it"):
            refuse_losses(steps)
    # Nova has heard of it: then it can.
    heard = changed(found, server(name), facts={"addresses": []})
    assert action(planned(heard, stack), "server", name) is Action.CHANGE

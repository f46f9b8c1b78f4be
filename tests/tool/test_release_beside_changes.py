"""A release beside other changes of the stack file, which it leaves: all that is there is known."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import DELIVERY, RELEASE
from skytier.hosts.ssh import Ssh
from skytier.openstack import stack as stack_module
from skytier.openstack.commands import release as command
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan import other_python
from skytier.openstack.plan.planned import Plan
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.stack import CloudStack
from skytier.stackfile import StackFile, parse
from tests.tool.test_order import other, planned, resolved, there

STACK = parse("web.count = 2\nweb.image = 'debian-12'\ndatabase.image = 'debian-12'")
SERVERS = {
    Key("server", f"skytier-{name}")
    for name in ("web-1", "web-2", "balancer-1", "database-1", "monitor-1")
}


class Released(CloudStack):
    """A stack with a plan. It notes what its steps are carried out with."""

    def __init__(self, stack: StackFile, steps: Sequence[Step], home: Path) -> None:
        self.stack, self.steps = stack, steps
        self.operator = OperatorFiles(home)
        apis = dict.fromkeys(("compute", "network", "block_storage", "object_store", "identity"))
        self.connection = cast(Any, SimpleNamespace(**apis))
        self.project = Project(self.connection, "skytier")
        self.has_volumes = self.has_objects = False
        self.kinds = {"floating IP": cast(Any, None)}

    def plan(self, **_: Any) -> Plan:
        made = resolved(self.stack)
        systems = dict.fromkeys(self.stack.machines(), ("debian", (12,)))
        choices = replace(made.choices, systems=systems)
        return Plan(self.steps, replace(made, choices=choices), "ssh-ed25519 key")

    def approved(self, current: Plan, approved: Plan) -> Plan:
        return current

    def held(self, what: str, lost: threading.Event) -> Any:
        return nullcontext()

    def hooks(self, current: Plan) -> Any:
        return nullcontext()


def all_there() -> dict[Key, Found]:
    return {
        key: replace(each, facts={**each.facts, "metadata": {}, "number": int(key.name[-1])})
        if key.kind == "server"
        else each
        for key, each in there(STACK).items()
    }


def changed(found: dict[Key, Found], kind: str, **attributes: object) -> dict[Key, Found]:
    return {k: other(f, **attributes) if k.kind == kind else f for k, f in found.items()}


BESIDE = {
    "nothing": lambda found: found,
    "labels": lambda found: changed(
        changed(changed(found, "server", metadata={}), "port", tags=["old"]), "floating IP", tags=[]
    ),
    "flavors": lambda found: changed(found, "server", flavor="m1.old"),
    "a database that is set up again": lambda found: changed(
        found, "configuration", fingerprint="old"
    ),
}


@pytest.mark.parametrize("pauses", [False, True])
@pytest.mark.parametrize("case", BESIDE)
def test_what_is_changed_later_is_there_for_the_release(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, pauses: bool
) -> None:
    found = all_there()
    found = changed(changed(found, RELEASE, release="0"), DELIVERY, release="0")
    steps = planned(STACK, BESIDE[case](found))
    asked: list[tuple[Sequence[Step], Known]] = []

    def apply(steps: Sequence[Step], kinds: Any, events: Any, known: Known, *_: Any) -> Known:
        asked.append((steps, known))
        return known

    waits = SimpleNamespace(wait=lambda: None, url="")
    monkeypatch.setattr(stack_module, "apply", apply)
    monkeypatch.setattr(stack_module, "build_ahead", lambda *_: None)
    monkeypatch.setattr(other_python, "build", lambda *_: None)
    monkeypatch.setattr(command, "EntryPoint", lambda *_: waits)
    stack = Released(STACK, steps, tmp_path)

    command.release(stack, stack.plan(), cast(Any, None), (lambda: None) if pauses else None)

    assert len(asked) == (2 if pauses else 1)
    for carried_out, known in asked:
        assert {s.key.kind for s in carried_out if s.action is not Action.KEEP} <= {
            DELIVERY,
            RELEASE,
        }
        assert {key for key in found if key.kind in ("server", "port", "floating IP")} <= {*known}
        assert {key for key in known if key.kind == "server"} == SERVERS & {*found}
    switched = [s.key for each, _ in asked for s in each if s.key.kind == RELEASE]
    assert {Key(RELEASE, "skytier-web-1"), Key(RELEASE, "skytier-web-2")} == {*switched}


def test_a_server_that_is_made_may_boot_from_a_root_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def apply(steps: Sequence[Step], kinds: Any, events: Any, known: Known, *_: Any) -> Known:
        made.append(kinds["server"])
        return known

    def ready(roots: RootVolume, name: str, creation: Any, tell: Any) -> str:
        return f"the volume of {name}, {creation['root_gib']} GiB"

    monkeypatch.setattr(stack_module, "apply", apply)
    monkeypatch.setattr(stack_module, "build_ahead", lambda *_: None)
    monkeypatch.setattr(other_python, "build", lambda *_: None)
    monkeypatch.setattr(RootVolume, "ready", ready)
    stack = Released(STACK, planned(STACK, all_there()), tmp_path)
    asked: list[Any] = []

    def create_server(**request: Any) -> Any:
        asked.append(request)
        return SimpleNamespace(id="s")

    compute = SimpleNamespace(create_server=create_server)
    stack.connection.compute = cast(Any, compute)
    with Ssh() as shell:
        stack.carry_out(stack.plan(), shell, cast(Any, None), threading.Event())

    [wanted] = [each for each in planned(STACK, {}) if each.key == Key("server", "skytier-web-1")]
    assert wanted.wanted
    attributes = {**wanted.wanted.attributes, "root_gib": 30}
    made[0].create(replace(wanted.wanted, attributes=attributes), Known(all_there()))
    [mapping] = asked[0]["block_device_mapping"]
    assert mapping["uuid"] == "the volume of skytier-web-1, 30 GiB"

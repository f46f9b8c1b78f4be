"""An own floating IP in the stack file: set, changed and taken out once the stack is there."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, plan
from skytier.openstack.plan import torn
from skytier.openstack.plan.kinds import RULES, resources
from skytier.openstack.plan.repair import faults
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.project import Project
from skytier.stackfile import StackFile, parse
from tests.tool.test_order import all_wanted, there
from tests.tool.test_two_balancers import Neutron

IMAGE = "web.image = 'debian-12'\nbalancer.image = 'debian-12'\n"
SHAPES = {
    "one web server": ("", "skytier-web-1", "port"),
    "a balancer": ("web.count = 2\n", "skytier-balancer-1", "port"),
    "two balancers": ("web.count = 2\nbalancer.count = 2\n", "skytier-balancer", "virtual port"),
}
ALLOCATED, OWN, ANOTHER = "203.0.113.1", "203.0.113.7", "203.0.113.8"


def stack_of(shape: str, own: str = "") -> StackFile:
    named = f'floating_ip = "{own}"\n' if own else ""
    return parse(f"{named}{SHAPES[shape][0]}{IMAGE}")


def ip(address: str, port: str | None, description: str = "") -> Any:
    return SimpleNamespace(
        id=f"id of {address}",
        floating_ip_address=address,
        port_id=port,
        description=description,
        tags=["skytier:stack=skytier"] if description else [],
        created_at="",
    )


class Cloud(Neutron):
    """Neutron with the ports of a stack."""

    def __init__(self, found: dict[Key, Found], *ips: Any) -> None:
        super().__init__(ips=ips)
        self.found = found

    def ports(self, **query: Any) -> Any:
        kinds = ("port", "virtual port")
        named = [(key, each.id) for key, each in self.found.items() if key.kind in kinds]
        return [SimpleNamespace(id=number, name=key.name) for key, number in named]


def planned(stack: StackFile, found: dict[Key, Found], *ips: Any) -> list[Step]:
    """The steps where the stack's floating IPs are these, with the machines' own ones."""
    cloud = Cloud(found, *ips)
    connection = MagicMock(network=cloud, current_project_id="p")
    kinds = resources(Project(connection, "skytier"), stack)
    (kind,) = (each for each in kinds.values() if isinstance(each, FloatingIP))
    rest = [each for key, each in found.items() if not _is_entry(key)]
    ports = [each for each in rest if each.key.kind in ("port", "virtual port")]
    seen = torn.recognised([*ports, *kind.find()], own_network=True)
    now = [*rest, *(each for each in seen if each.key.kind == FloatingIP.name)]
    known = Known({each.key: each for each in now})
    return plan(all_wanted(stack, known), now, RULES)


def _is_entry(key: Key) -> bool:
    return key.kind == FloatingIP.name and not key.name.endswith("-ssh")


def up(shape: str) -> tuple[dict[Key, Found], str, str]:
    """What is there, the port of the entry point, and the description of its allocated address."""
    _, name, kind = SHAPES[shape]
    found = there(stack_of(shape))
    return found, found[Key(kind, name)].id, f"skytier:stack=skytier {name}"


def changed(steps: list[Step]) -> list[tuple[Action, str]]:
    """What is done to floating IPs, by their ids. Machines are told of another address."""
    return [
        (step.action, step.found.id if step.found else "")
        for step in steps
        if step.key.kind == FloatingIP.name and step.action is not Action.KEEP
    ]


def refused(steps: list[Step], stack: StackFile) -> tuple[str, str]:
    with pytest.raises(LossError) as error:
        refuse_losses(steps)
    (fault,) = faults(steps, stack)
    assert (fault.up, fault.do) == ("", error.value.do)
    return error.value.what, error.value.do or ""


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_not_changed_stays(shape: str) -> None:
    found, port, described = up(shape)
    assert not changed(planned(stack_of(shape), found, ip(ALLOCATED, port, described)))
    others = [ip(ANOTHER, None), ip(ALLOCATED, "a port of others")]
    assert not changed(planned(stack_of(shape, OWN), found, ip(OWN, port), *others))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_that_is_set_does_not_take_the_place_of_an_allocated_one(shape: str) -> None:
    found, port, described = up(shape)
    stack = stack_of(shape, OWN)
    steps = planned(stack, found, ip(ALLOCATED, port, described), ip(OWN, None))

    what, do = refused(steps, stack)

    assert f"the entry point has the address {ALLOCATED}, which the stack allocated" in what
    assert f"floating_ip names {OWN}" in what
    assert "Leave floating_ip out" in do
    assert f"unset --port {ALLOCATED}; openstack floating ip set --port {port} {OWN}." in do


@pytest.mark.parametrize("shape", SHAPES)
def test_once_it_leads_there_the_allocated_one_is_given_back(shape: str) -> None:
    found, port, described = up(shape)
    ips = [ip(ALLOCATED, None, described), ip(OWN, port)]

    steps = planned(stack_of(shape, OWN), found, *ips)

    refuse_losses(steps)
    assert changed(steps) == [(Action.DELETE, f"id of {ALLOCATED}")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("then", [ANOTHER, ""])
def test_one_that_is_changed_or_taken_out_is_not_exchanged(shape: str, then: str) -> None:
    found, port, _ = up(shape)
    stack = stack_of(shape, then)
    steps = planned(stack, found, ip(OWN, port), ip(ANOTHER, None))

    what, do = refused(steps, stack)

    assert f"the entry point has the address {OWN}, which is your own" in what
    assert (f"floating_ip names {ANOTHER}" if then else "floating_ip is not set") in what
    assert f'Set floating_ip = "{OWN}"' in do
    lead = f"openstack floating ip set --port {port} {ANOTHER}"
    assert (lead in do) == bool(then)
    assert f"openstack floating ip unset --port {OWN}" in do


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("then", [ANOTHER, ""])
def test_it_goes_on_once_the_former_one_leads_nowhere(shape: str, then: str) -> None:
    found, _, _ = up(shape)
    steps = planned(stack_of(shape, then), found, ip(OWN, None), ip(ANOTHER, None))

    refuse_losses(steps)
    _, name, _ = SHAPES[shape]
    (made,) = (step for step in steps if step.key == Key("floating IP", name))
    assert made.action is Action.CREATE


def test_an_own_one_is_taken_from_its_port_and_stays_as_it_is() -> None:
    cloud = Cloud({}, ip(OWN, "port", "the address of the shop"))
    kind = FloatingIP(cloud.project, Key("floating IP", "skytier-web-1"), ["skytier-web-1"], OWN)
    found = Found(Key("floating IP", "skytier-web-1"), f"id of {OWN}", {}, {"foreign": True})

    kind.delete(found, lambda text: None)

    assert cloud.told == [{"port_id": None, "description": "the address of the shop"}]


def test_what_somebody_led_to_another_machine_or_to_a_stack_without_is_left_alone() -> None:
    found, port, described = up("a balancer")
    web = found[Key("port", "skytier-web-1")].id
    steps = planned(
        *(stack_of("a balancer"), found, ip(ALLOCATED, port, described), ip(OWN, web)),
        ip(ANOTHER, found[Key("port", "skytier-database-1")].id),
    )
    assert not changed(steps)

    without = parse(f'public = "none"\n{IMAGE}')
    found = there(without)
    web = found[Key("port", "skytier-web-1")].id
    assert not changed(planned(without, found, ip(OWN, web)))

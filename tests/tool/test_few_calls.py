"""The cloud is not asked twice for what nothing changed in between."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import HttpException

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.doctor import cloud as doctor
from skytier.doctor.cloud import Subject
from skytier.openstack.choices import limits
from skytier.openstack.choices.quota import Amounts
from skytier.openstack.plan.kinds import find_all
from skytier.openstack.resources.creation import reconcile_patiently
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.waiting import poll_s
from skytier.poll import until
from skytier.stackfile import parse

PORT, NETWORK, GROUP = Key("port", "shop-web-1"), Key("network", "n"), Key("security group", "g")
WANTED = Wanted(
    PORT,
    {"network": NETWORK, "security_groups": [GROUP], "tags": ["skytier:stack=shop"]},
)
KNOWN = Known({key: Found(key, key.name, {}) for key in (NETWORK, GROUP)})


class Letters(Listed):
    """A kind that finds itself in a list of letters."""

    fixed: frozenset[str] = frozenset()

    def __init__(self, name: str, lists: Any) -> None:
        self.name, self.lists = name, lists

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        return [Found(Key(self.name, each), each, {}) for each in listed if each == self.name]


def test_kinds_that_read_one_list_share_it_within_one_look_and_not_beyond() -> None:
    asked: list[str] = []

    def lists() -> list[str]:
        asked.append("list")
        return ["a", "b"]

    kinds = cast(Any, [Letters(name, lists) for name in ("a", "b", "c")])
    assert [each.id for each in find_all(kinds)] == ["a", "b"]
    assert len(asked) == 1
    assert [each.id for each in find_all(kinds)] == ["a", "b"]
    assert [each.id for each in kinds[1].find()] == ["b"]
    assert len(asked) == 3


class Network:
    """Neutron with one port, whose tags may be set with an answer that is lost."""

    def __init__(self, *, loses: bool = False) -> None:
        self.calls: list[str] = []
        self.loses = loses

    def create_port(self, name: str, security_groups: list[str], **body: Any) -> object:
        self.calls.append("create")
        self.port = SimpleNamespace(
            id="p",
            name=name,
            description=body["description"],
            network_id="n",
            security_group_ids=security_groups,
            fixed_ips=[],
            mac_address="fa",
            device_id="",
            allowed_address_pairs=[],
            tags=[],
            created_at="",
        )
        return self.port

    def get_port(self, port_id: str) -> object:
        self.calls.append("get")
        return self.port

    def set_tags(self, port: Any, tags: list[str]) -> object:
        self.calls.append("set tags")
        if self.loses:
            self.loses = False
            raise HttpException("oops", http_status=504)
        self.port.tags = tags
        return self.port


@pytest.mark.parametrize(
    ("loses", "calls"),
    [(False, ["create", "set tags"]), (True, ["create", "set tags", "get", "set tags"])],
    ids=["answered", "an answer is lost"],
)
def test_what_was_just_created_is_asked_for_only_if_an_answer_was_lost(
    loses: bool, calls: list[str]
) -> None:
    network = Network(loses=loses)
    connection = SimpleNamespace(network=network, current_project_id="p")
    port = Port(Project(cast(Any, connection), "shop"))
    made = port.create(WANTED, KNOWN)

    settled = reconcile_patiently(port, WANTED, made, KNOWN, lambda text: None, first_wait_s=0)

    assert network.calls == calls
    assert KNOWN.attributes(WANTED).items() <= settled.attributes.items()
    assert settled.answer is None


def test_quotas_are_asked_of_services_that_count_something_of_a_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    for service in ("_nova", "_neutron", "_cinder", "_octavia"):
        monkeypatch.setattr(limits, service, lambda _, name=service: asked.append(name) or {})
    for there in ("has_volumes", "has_load_balancers"):
        monkeypatch.setattr(limits, there, lambda _: True)
    limits.read(cast(Any, None), Amounts(instances=1))
    assert asked == ["_nova"]
    limits.read(cast(Any, None), Amounts(volumes=1, ports=1))
    assert asked == ["_nova", "_neutron", "_cinder"]


def test_who_waits_long_looks_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = 0.0, 0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def ask() -> bool:
        nonlocal looks
        looks += 1
        return now >= 60

    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("time.sleep", sleep)
    assert until(ask, 900, poll_s)
    assert looks < 40
    assert now < 66, "a tenth of the time is not noticed"


def test_the_doctor_lists_the_external_networks_once() -> None:
    asked: list[str] = []
    public = SimpleNamespace(id="p", name="public", is_default=True, is_router_external=True)

    def networks(**_: object) -> list[object]:
        asked.append("networks")
        return [public]

    network = SimpleNamespace(
        networks=networks, subnet_pools=lambda **_: [], subnets=lambda **_: [1]
    )
    subject = Subject(parse('ipv6 = true\nipv6_cidr = "fd5b:4:6:1::/64"'), "c")
    subject.__dict__["conn"] = SimpleNamespace(network=network, current_project_id="p")
    assert "public (p)" in doctor.external_network(subject).said
    assert "through public, which has IPv6" in doctor.ipv6(subject).said
    assert asked == ["networks"]

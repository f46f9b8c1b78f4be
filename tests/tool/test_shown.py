"""What people read of a status and of a plan: short lines, whole details, no Python."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from skytier.cli import console, faults
from skytier.cli.on_cloud.changes import in_words
from skytier.cli.status import in_short, show
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Change, Step
from skytier.files import fingerprint
from skytier.openstack.commands.status import containers
from skytier.status import Fault, MachineStatus, ServiceStatus, Status

LOG = json.dumps({"level": "error", "message": "no route to the database " * 9})
DETAILS = {
    "server": "ACTIVE",
    "application": f"/health answers 503\n{LOG}\n{LOG}",
    "nginx": LOG,
    "ssh": "shop-web-1 cannot be reached: its host key is another than the one that was learnt.",
    "node-exporter": "",
}


def shown(monkeypatch: pytest.MonkeyPatch, width: int, details: Mapping[str, str]) -> str:
    services = [ServiceStatus(name, not said, None, said) for name, said in details.items()]
    machine = MachineStatus("shop-web-1", "web", "203.0.113.7", False, services, [])
    out = Console(width=width, soft_wrap=True, highlight=False, record=True, no_color=True)
    monkeypatch.setattr(console, "out", out)
    with out.capture() as said:
        show(Status("shop", "mycloud", "http://203.0.113.7", False, [machine], []))
    return said.get()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_each_service_has_one_line_and_log_lines_stand_below_whole(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    said = shown(monkeypatch, width, DETAILS)

    table, _, below = said.partition("application on shop-web-1:")
    rows = [line for line in table.splitlines() if "shop-web-1" in line]
    for name in DETAILS:
        assert len([line for line in rows if line.split()[1] == name]) == 1
    assert "{" not in table
    assert all(len(line) <= width for line in table.splitlines())
    assert [line.strip() for line in below.splitlines()].count(LOG) == 3, "in full width"
    assert DETAILS["ssh"] in said


@pytest.mark.parametrize(
    ("url", "wrong", "ends"),
    [
        ("", "", " is healthy"),
        ("http://[2001:db8::7]", "", "By IPv6: http://[2001:db8::7]/"),
        ("http://[2001:db8::7]", "It does not answer.", "It does not answer."),
    ],
)
def test_a_status_tells_the_way_in_by_ipv6(
    monkeypatch: pytest.MonkeyPatch, url: str, wrong: str, ends: str
) -> None:
    out = Console(width=100, record=True, no_color=True)
    monkeypatch.setattr(console, "out", out)
    with out.capture() as said:
        show(Status("shop", "c", "http://192.0.2.7", True, [], [], ipv6_url=url, ipv6_wrong=wrong))
    assert said.get().rstrip().endswith(ends)


def test_a_status_tells_what_is_in_the_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Console(width=100, record=True, no_color=True)
    monkeypatch.setattr(console, "out", out)
    found = [
        Found(Key("container", "uploads"), "uploads", {}, {"objects": 1, "bytes": 2048}),
        Found(Key("port", "shop-web-1"), "1", {}, {"address": "10.0.0.1"}),
        Found(Key("container", "backups"), "backups", {}, {"objects": 0, "bytes": 0}),
    ]
    there = containers(Known({each.key: each for each in found}))

    with out.capture() as said:
        show(Status("shop", "c", "http://192.0.2.7", True, [], [], containers=there))

    assert [asdict(each) for each in there] == [
        {"name": "backups", "objects": 0, "bytes": 0},
        {"name": "uploads", "objects": 1, "bytes": 2048},
    ]
    lines = [line for line in said.get().splitlines() if line.startswith("container")]
    assert lines == ["container backups: 0 objects (0 B)", "container uploads: 1 object (2.0 KiB)"]


@given(st.text(), st.integers(20, 200))
def test_a_detail_in_short_is_one_line_that_fits(detail: str, room: int) -> None:
    short = in_short(detail, room)
    assert len(short) <= room
    assert short.isprintable()
    assert not short.startswith("{")


def test_a_log_line_cannot_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in shown(monkeypatch, 80, {"application": "bad\n\x1b]0;title\x07\x1b[2J"})


WEB, DATABASE = Key("security group", "shop-web"), Key("security group", "shop-database")
NAMES = {"5c1f": "shop-web", "77aa": "shop-subnet", "d0d0": "public"}
ANY = "0.0.0.0/0"
TABLE: dict[str, tuple[str, Any, Any, str]] = {
    "a rule more and one less": (
        "rules",
        [[22, ANY], [9999, ANY]],
        [[22, ANY], [80, ANY]],
        "rules: + 80 from anywhere, - 9999 from anywhere",
    ),
    "rules by group, one of which is not made yet": (
        "rules",
        [[5432, "5c1f"]],
        [[5432, WEB], [9100, DATABASE]],
        "rules: + 9100 from shop-database",
    ),
    "a rule of somebody else's making": (
        "rules",
        [["IPv6 any None-None", ANY], [22, ANY]],
        [[22, "203.0.113.0/24"]],
        "rules: + 22 from 203.0.113.0/24, - IPv6 any None-None from anywhere, - 22 from anywhere",
    ),
    "labels": (
        "tags",
        ["skytier:label:team=old", "skytier:stack=shop"],
        ["skytier:label:team=web", "skytier:stack=shop"],
        "tags: + label:team=web, - label:team=old",
    ),
    "labels of a server": (
        "metadata",
        {"skytier:stack": "shop", "skytier:label:team": "old"},
        {"skytier:stack": "shop", "skytier:label:team": "web", "skytier:label:env": "prod"},
        "metadata: + label:team=web, + label:env=prod, - label:team=old",
    ),
    "subnets": (
        "subnets",
        ["77aa", "0e0e"],
        [Key("subnet", "shop-subnet")],
        "subnets: - 0e0e",
    ),
    "name servers, of which there were none": ("dns", [], ["9.9.9.9"], "dns: + 9.9.9.9"),
    "a group that was made anew": (
        "security_groups",
        ["gone"],
        [WEB],
        "security_groups: + shop-web, - gone",
    ),
    "a value": ("power", "shutoff", "running", "power: shutoff → running"),
    "a value that was none": ("port", None, Key("port", "shop-web-1"), "port: none → shop-web-1"),
    "an id": ("external_network", "d0d0", "e1e1", "external_network: public → e1e1"),
    "a fingerprint": (
        "fingerprint",
        fingerprint("a"),
        fingerprint("b"),
        f"fingerprint: {fingerprint('a')[7:19]} → {fingerprint('b')[7:19]}",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_change_is_told_in_words(case: str) -> None:
    attribute, old, new, said = TABLE[case]
    assert in_words(_step(attribute, old, new), NAMES) == [said]


@given(
    st.lists(st.tuples(st.integers(1, 65535), st.sampled_from([ANY, "10.0.0.0/8", "5c1f"]))),
    st.lists(st.tuples(st.integers(1, 65535), st.sampled_from([ANY, "10.0.0.0/8", "5c1f"]))),
)
def test_no_change_of_rules_is_cut_or_python(
    old: list[tuple[int, str]], new: list[tuple[int, str]]
) -> None:
    [said] = in_words(_step("rules", old, new), NAMES)
    assert not set(said) & set("[]()'\"")
    assert "..." not in said
    assert said.count("+ ") == len([each for each in new if each not in old])
    assert said.count("- ") == len([each for each in old if each not in new])


def _step(attribute: str, old: Any, new: Any) -> Step:
    wanted = Wanted(WEB, {attribute: new})
    change = Change(attribute, old, "unused")
    return Step(Action.CHANGE, WEB, "", wanted=wanted, changes=(change,))


def test_a_fault_is_one_line_with_what_up_does_and_what_a_person_can_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = Console(width=300, soft_wrap=True, highlight=False, record=True, no_color=True)
    monkeypatch.setattr(console, "out", out)
    found = [
        Fault("shop-web-1", "server", "it is off", "it is started", ""),
        Fault("shop-web-1", "disk", "/ is 97% full: 200 MiB left", "", "See what fills it."),
    ]
    with out.capture() as said:
        faults.show(found)
    assert said.get().splitlines() == [
        "server shop-web-1: it is off. skytier up: it is started.",
        "disk shop-web-1: / is 97% full: 200 MiB left. skytier up does nothing about it. See what "
        "fills it.",
    ]

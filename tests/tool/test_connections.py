"""How many connections PostgreSQL lets in. It restarts for another number, so a plan says so."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from skytier.deploy.kind import Known
from skytier.deploy.plan import plan
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.members import restarts
from skytier.services.postgresql.tuning import tuning
from skytier.stackfile import parse
from skytier.topology import Topology
from tests.roles.topology import WEB
from tests.tool.test_order import all_wanted, other, resolved, there

HOURS = '[[web.schedule]]\nfrom = "22:00"\nto = "06:00"\ncount = {}\n'
BALANCED = "balancer.kind = 'none'\n"


@pytest.mark.parametrize(
    ("text", "let_in"),
    [
        ("", 100),
        ("web.count = 3\n", 180),
        ("web.count = 3\n" + HOURS.format(1), 180),
        ("web.count = 1\n" + HOURS.format(5), 260),
        ("web.count = {min = 1, max = 6}\n", 300),
        ("web.count = {min = 1, max = 6}\n" + HOURS.format(8), 380),
    ],
)
@pytest.mark.parametrize("members", [1, 3])
def test_no_hour_and_no_load_changes_the_connections(text: str, let_in: int, members: int) -> None:
    stack = parse(f"{text}[database]\nmembers = {members}\n")
    for hour, web_servers in itertools.product((12, 23), (1, 4)):
        now = stack.at(datetime(2026, 3, 2, hour, tzinfo=UTC), web_servers)
        web = [
            replace(WEB, number=number, vcpus=4, memory_mib=4096, services=["application"])
            for number in range(1, now.web.machines + 1)
        ]
        assert tuning(4096, Topology(now, web)).max_connections == let_in


def said(before: str, after: str, **was: Mapping[str, str]) -> list[str]:
    """What a plan says when the stack file becomes another. The flavor has two processors.

    `was` are attributes of what is there, by the kind: of web servers, and of the database.
    """
    found = {
        key: other(each, **was.get(f"{each.facts['role']}_{key.kind}", {}))
        for key, each in there(parse(BALANCED + before)).items()
    }
    stack, known = parse(BALANCED + after), Known(found)
    steps = plan(all_wanted(stack, known), found.values(), RULES)
    return restarts(resolved(stack), known, steps)


ONE, MANY = "web.count = 1\n", "web.count = 9\n"
MEMBERS = "database.members = 2\n"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (ONE, ONE, ()),
        (MANY, MANY, ()),
        (ONE, "web.count = 3\n", ()),
        (ONE, MANY, ("220 connections, for 9 web servers", "for some seconds what needs")),
        (MANY, ONE, ("100 connections, for 1 web server.", "for some seconds what needs")),
        (ONE, "web.count = {min = 1, max = 9}\n", ("220 connections, for 9 web servers",)),
        (MANY, "web.count = {min = 1, max = 9}\n", ()),
        (MEMBERS + ONE, MEMBERS + MANY, ("220 connections", "the primary hands over before")),
    ],
)
def test_a_plan_says_that_other_web_servers_restart_the_database(
    before: str, after: str, words: tuple[str, ...]
) -> None:
    told = said(before, after)
    assert len(told) == bool(words)
    assert all(each in told[0] for each in words)


def test_another_flavor_of_the_web_servers_is_another_number_only_if_the_database_changes() -> None:
    tiny, changed = {"flavor": "m1.tiny"}, {"fingerprint": "of one processor"}
    [told] = said(MANY, MANY, web_server=tiny, database_configuration=changed)
    assert "220 connections, for 9 web servers" in told
    assert said(MANY, MANY, web_server=tiny) == []
    assert said(MANY, MANY, database_configuration=changed) == []

"""The address of visitors moves to a load balancer that reaches a web server."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Known
from skytier.errors import SkytierError
from skytier.openstack.machines import balancer
from skytier.openstack.machines.moved_address import MovedAddresses
from tests.tool.test_load_balancer import (
    BALANCER,
    ENTRY,
    HELD,
    NONE,
    PASSED_ON,
    SECOND,
    WEB,
    found_of,
    seen_as,
    told,
)
from tests.tool.test_order import other, planned
from tests.tool.test_two_balancers import of

__all__ = ["told"]
FORMER = "id of port skytier-web-1"
WANTED = of(planned(PASSED_ON, found_of(NONE, PASSED_ON)), ENTRY).wanted or pytest.fail("unwanted")


class Addresses:
    """Neutron's floating IPs, which move."""

    moved = False

    def reconcile(self, wanted: Any, found: Any, known: Any, tell: Any) -> Found:
        self.moved = True
        return cast(Found, found)


def move(led_to: str | None = FORMER, **about: Any) -> tuple[bool, list[str]]:
    """Whether it moved, and what was told."""
    known = Known(seen_as(first="", second=""))
    found = known[ENTRY] = other(known[ENTRY], port=led_to)
    addresses, said = Addresses(), list[str]()
    connection = SimpleNamespace(load_balancer=None, current_project_id="p")
    access = SimpleNamespace(connection=connection, led=lambda *_, **__: None)
    kind = MovedAddresses(cast(Any, addresses), cast(Any, access))
    try:
        kind.reconcile(replace(WANTED, **about), found, known, said.append)
    except SkytierError as error:
        return addresses.moved, [error.what]
    return addresses.moved, said


def test_it_moves_once_a_web_server_is_reached(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancer, "WITHIN_S", 60.0)
    told(("OFFLINE", "OFFLINE"), ("ERROR", "ONLINE"))
    moved, said = move()
    assert moved
    assert [each.partition(": ")[2] for each in said] == [
        f"{WEB} is OFFLINE, {SECOND} is OFFLINE",
        f"{WEB} is ERROR, {SECOND} is ONLINE",
    ]


def test_it_stays_where_none_is_reached(told: Any) -> None:
    told(("ERROR", "ERROR"))
    moved, [said] = move()
    assert not moved
    assert f"{BALANCER.name} reaches no web server: after 0 s {WEB} is ERROR" in said


def test_it_moves_where_octavia_does_not_tell(told: Any) -> None:
    told(("OFFLINE", "OFFLINE"))
    moved, said = move()
    assert moved
    assert said[-1].startswith("Octavia does not tell how the web servers are")


def test_it_is_not_asked_where_nothing_serves_or_nothing_moves(told: Any) -> None:
    told(("ERROR", "ERROR"))
    assert move(led_to=None) == (True, [])
    assert move(led_to=Known(seen_as(first="", second=""))[HELD].id) == (True, [])
    # The former entry point is broken.
    assert move(after=()) == (True, [])

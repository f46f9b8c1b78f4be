"""What the cloud tells of what was used, against times that the test took itself."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from openstack.exceptions import HttpException

from skytier.cloud.usages import servers
from skytier.cloud.usages.collected import Window
from skytier.costs.usage import Usage
from skytier.resources.project import Project

from ..project import poll
from .account import Account

WAIT_S = 600
OFF = timedelta(seconds=2)
"""By how much a time of the cloud may differ from ours."""


class Span(NamedTuple):
    """From when something was asked for to when it was seen to be done."""

    asked: datetime
    seen: datetime

    def has(self, moment: datetime) -> bool:
        return self.asked - OFF <= moment <= self.seen + OFF


class Guest:
    """A server without a network, and when what was done to it."""

    def __init__(self, account: Account, name: str, flavor: str = "m1.tiny", **more: Any) -> None:
        self.compute = account.connection.compute
        self.server: Any = None

        def create() -> None:
            self.server = self.compute.create_server(
                name=name,
                image_id=account.connection.image.find_image("debian-12").id,
                flavor_id=self.compute.find_flavor(flavor).id,
                networks="none",
                **more,
            )

        self.created = self.do(create, "ACTIVE")

    def now(self) -> Any:
        return self.compute.get_server(self.server.id)

    def do(self, call: Callable[[], object], *statuses: str) -> Span:
        asked = datetime.now(UTC)
        call()

        def done() -> bool:
            now = self.now()
            return now.status in statuses and now.task_state is None

        poll(done, f"it is {' or '.join(statuses)}", WAIT_S)
        return Span(asked, datetime.now(UTC))

    def delete(self) -> Span:
        asked = datetime.now(UTC)
        self.compute.delete_server(self.server)
        poll(lambda: self.server.id not in {s.id for s in self.compute.servers()}, "gone", WAIT_S)
        return Span(asked, datetime.now(UTC))


def used(account: Account, since: datetime) -> list[Usage]:
    window = Window(since - timedelta(hours=1), datetime.now(UTC))
    return sorted(servers.collect(account.connection, window).usages, key=lambda each: each.start)


@pytest.fixture
def began() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def guest(account: Account) -> Iterator[Guest]:
    project = Project(account.connection, f"t{secrets.token_hex(3)}", {"team": "shop"})
    guest = Guest(
        account,
        f"{project.stack}-web-1",
        metadata={**project.metadata, "skytier:role": "web", "skytier:flavor": "m1.tiny"},
        description=project.told("web"),
    )
    yield guest
    guest.delete()


def test_a_servers_life_is_told_to_the_second_also_when_it_is_deleted(
    account: Account, guest: Guest, began: datetime
) -> None:
    compute, server = guest.compute, guest.server
    stopped = guest.do(lambda: compute.stop_server(server), "SHUTOFF")
    started = guest.do(lambda: compute.start_server(server), "ACTIVE")
    resized = _resize(guest)
    shelved = guest.do(lambda: compute.shelve_server(server), "SHELVED_OFFLOADED")
    living = used(account, began)
    deleted = guest.delete()
    found = used(account, began)

    borders = [guest.created, stopped, started, *([resized] if resized else []), shelved, deleted]
    assert [s.has(u.start) for s, u in zip(borders, found, strict=False)] == [True] * len(found)
    assert [s.has(u.end) for s, u in zip(borders[1:], found, strict=True)] == [True] * len(found)
    states = ["active", "stopped", "active", *(["active"] if resized else []), "shelved_offloaded"]
    assert [each.state for each in found] == states
    assert [each.end for each in found[:-1]] == [each.start for each in found[1:]]
    assert [each.flavor for each in found[:3]] == ["m1.tiny"] * 3
    assert (found[0].vcpus, found[0].ram_mib, found[0].disk_gib) == (1, 768, 4)

    stack = server.name.removesuffix("-web-1")
    for each in (*living, *found):
        assert (each.id, each.name, each.stack, each.role) == (server.id, server.name, stack, "web")
        assert each.labels == {"team": "shop"}


def _resize(guest: Guest) -> Span | None:
    """Resize it, where the cloud has room for that; None where it has not."""
    small = guest.compute.find_flavor("m1.small", ignore_missing=False)
    try:
        span = guest.do(
            lambda: guest.compute.resize_server(guest.server, small), "VERIFY_RESIZE", "ACTIVE"
        )
    except HttpException:
        return None
    if guest.now().status != "VERIFY_RESIZE":
        return None
    guest.do(lambda: guest.compute.confirm_server_resize(guest.server), "ACTIVE")
    return span

"""Guests of two web servers behind a balancer: one to two and back while visitors come."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from .account import Account, Operator

pytestmark = pytest.mark.large
NEAR_S = 15
"""How far from the moment in which Neutron leads the address elsewhere a request may fail by it."""


@dataclass
class Visits:
    """What a client saw that asks twice a second, and where the public address led meanwhile."""

    requests: int = 0
    failed: list[tuple[float, float, str]] = field(default_factory=list)
    """When each began and ended, and how."""
    moved: list[float] = field(default_factory=list)

    def not_by_a_move(self) -> list[tuple[float, float, str]]:
        return [
            each
            for each in self.failed
            if not any(each[0] - NEAR_S <= at <= each[1] + NEAR_S for at in self.moved)
        ]


@pytest.fixture(scope="module")
def url(operator: Operator, name: str) -> Iterator[str]:
    write(operator, name, 1)
    try:
        operator.run("up", "--yes")
        yield str(operator.json("status")["url"])
    finally:
        operator.run("down", "--delete-data", "--yes")
        assert operator.json("status", code=3)["machines"] == []


@pytest.fixture(scope="module")
async def signed_in(browser: Browser, url: str) -> Page:
    """A page of somebody who is signed in."""
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{url}/register", timeout=120_000)
    await page.get_by_label("Username").fill("reader")
    await page.get_by_label("E-mail address").fill("reader@example.org")
    await page.get_by_label("Password").fill("a long and private sentence")
    await page.get_by_role("button", name="Register").click()
    await page.wait_for_url(f"{url}/")
    return page


async def test_visitors_keep_the_address_while_a_second_web_server_comes(
    account: Account,
    operator: Operator,
    name: str,
    url: str,
    signed_in: Page,
    record_property: Callable[[str, object], None],
) -> None:
    write(operator, name, 2)
    with visits(account, url) as seen:
        await asyncio.to_thread(operator.run, "up", "--yes")
    record_property("one to two", summary(seen))
    assert len(seen.moved) == 1
    assert seen.not_by_a_move() == []
    await is_as_before(operator, url, signed_in)


@pytest.mark.parametrize("web_server", ["web/1", "web/2"])
async def test_a_browser_stays_signed_in_while_each_is_drained(
    account: Account,
    operator: Operator,
    url: str,
    signed_in: Page,
    web_server: str,
    record_property: Callable[[str, object], None],
) -> None:
    with visits(account, url) as seen:
        await asyncio.to_thread(operator.run, "drain", web_server)
        await stays_signed_in(signed_in, url)
        await asyncio.to_thread(operator.run, "undrain", web_server)
        await stays_signed_in(signed_in, url)
    record_property("drained", summary(seen))
    assert (seen.failed, seen.moved) == ([], [])


async def test_visitors_keep_the_address_when_one_is_left(
    account: Account,
    operator: Operator,
    name: str,
    url: str,
    signed_in: Page,
    record_property: Callable[[str, object], None],
) -> None:
    write(operator, name, 1)
    with visits(account, url) as seen:
        await asyncio.to_thread(operator.run, "up", "--yes")
    record_property("two to one", summary(seen))
    assert len(seen.moved) == 1
    assert seen.not_by_a_move() == []
    await is_as_before(operator, url, signed_in)


async def is_as_before(operator: Operator, url: str, signed_in: Page) -> None:
    """The same address, nothing left to do, and somebody who is still signed in."""
    assert operator.json("status")["url"] == url
    operator.ends_with(0, "plan", "--detailed-exitcode")
    await stays_signed_in(signed_in, url)


def write(operator: Operator, name: str, count: int) -> None:
    """The stack file."""
    operator.write(
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
        f"[web]\ncount = {count}\n[monitor]\nenabled = false\n"
    )


async def stays_signed_in(page: Page, url: str) -> None:
    answer = await page.goto(f"{url}/account", timeout=120_000)
    assert answer is not None
    assert answer.status == 200
    await expect(page.get_by_role("textbox", name="Username", exact=True)).to_have_value("reader")


@contextmanager
def visits(account: Account, url: str) -> Iterator[Visits]:
    """Asks twice a second, on a connection of its own each time; complete at the end."""
    seen, ended = Visits(), threading.Event()
    address = httpx.URL(url).host

    def ask() -> None:
        while not ended.wait(0.5):
            began = time.time()
            try:
                httpx.get(f"{url}/api/posts", timeout=10).raise_for_status()
            except httpx.HTTPError as error:
                seen.failed.append((began, time.time(), repr(error)))
            seen.requests += 1

    def watch() -> None:
        led = port(account, address)
        while not ended.wait(0.5):
            if (now := port(account, address)) not in (None, led):
                led = now
                seen.moved.append(time.time())

    threads = [threading.Thread(target=each) for each in (ask, watch)]
    for each in threads:
        each.start()
    try:
        yield seen
    finally:
        ended.set()
        for each in threads:
            each.join()


def port(account: Account, address: str) -> str | None:
    """The port that a floating IP leads to now; None while it leads nowhere."""
    (found,) = account.connection.network.ips(floating_ip_address=address)
    return str(found.port_id) if found.port_id else None


def summary(seen: Visits) -> str:
    first = min((each[0] for each in seen.failed), default=0.0)
    last = max((each[1] for each in seen.failed), default=0.0)
    return f"{seen.requests} requests, {len(seen.failed)} failed within {last - first:.1f} s"

"""A visitor in a real browser, before the whole stack: Nginx, Uvicorn, PostgreSQL."""

import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from tests.skytier_command import Skytier, free_port

PASSWORD = "a long and private sentence"
_numbers = itertools.count(1)


@dataclass
class Visitor:
    """A browser of one's own, and what went wrong in it."""

    site: str
    context: BrowserContext
    page: Page
    username: str
    faults: list[str]

    async def open(self, path: str) -> Response:
        answer = await self.page.goto(self.site + path)
        assert answer is not None
        return answer

    async def register(self) -> None:
        await self.open("/register")
        await self.page.get_by_label("Username").fill(self.username)
        await self.page.get_by_label("E-mail address").fill(f"{self.username}@example.org")
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Register").click()
        await self.page.wait_for_url(f"{self.site}/")

    async def sign_in_by(self, form: str = "form[data-endpoint='/api/sessions']") -> None:
        place = self.page.locator(form)
        await place.get_by_label("Username").fill(self.username)
        await place.get_by_label("Password").fill(PASSWORD)
        await place.get_by_role("button", name="Sign in").click()

    async def make_token(
        self, name: str, scope: str = "Read and write", lasts: str = "90 days"
    ) -> None:
        """Make an API token by the form of the account page, which is open."""
        form = self.page.locator("form[data-then=token]")
        await form.get_by_label("Name of the token").fill(name)
        await form.get_by_label("What it may do").select_option(scope)
        await form.get_by_label("How long it is valid").select_option(lasts)
        await form.get_by_label("Current password").fill(PASSWORD)
        await form.get_by_role("button", name="Create a token").click()

    async def publish(self, title: str, content: str) -> str:
        """Write a post by the form; its path."""
        await self.open("/write")
        await self.page.get_by_label("Title").fill(title)
        await self.page.get_by_label("Content").fill(content)
        await self.page.get_by_role("button", name="Publish").click()
        await self.page.wait_for_url(re.compile(r"/posts/\d+$"))
        return self.page.url.removeprefix(self.site)


NewVisitor = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def new_visitor(site: Skytier, browser: Browser) -> AsyncIterator[NewVisitor]:
    """Makes visitors; options are those of Playwright's new_context."""
    visitors: list[Visitor] = []
    address = site.url()

    async def make(**options: object) -> Visitor:
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(120_000)
        page = await context.new_page()
        visitor = Visitor(address, context, page, f"visitor{next(_numbers)}", [])
        page.on("pageerror", lambda error: visitor.faults.append(str(error)))

        def listen(message: ConsoleMessage) -> None:
            # A refused request is the business of the test that made it.
            if message.type == "error" and "Failed to load resource" not in message.text:
                visitor.faults.append(message.text)

        page.on("console", listen)
        page.on("request", lambda request: _only(address, request.url, visitor.faults))
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        await visitor.context.close()
    # No error of a script, no violation of the policy, no request to another host: on any page.
    assert [fault for visitor in visitors for fault in visitor.faults] == []


def _only(address: str, url: str, faults: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        faults.append(f"a request to another host: {url}")


@pytest.fixture
async def visitor(new_visitor: NewVisitor) -> Visitor:
    """A stranger."""
    return await new_visitor()


@pytest.fixture
async def ada(new_visitor: NewVisitor) -> Visitor:
    """A visitor who is registered and signed in."""
    visitor = await new_visitor()
    await visitor.register()
    return visitor


@pytest.fixture(scope="package")
def filled(make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    """The stack that these tests share, with posts in it."""
    skytier = make_skytier()
    skytier.run("up", "--port", str(free_port()), "--workers", "2")
    skytier.run("demo-data", "--users", "20", "--posts", "150")
    yield skytier
    skytier.run("down", "--purge", "--yes")


@pytest.fixture
def site(filled: Skytier) -> Skytier:
    return filled

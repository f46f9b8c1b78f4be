"""The command `skytier dashboard`, and a browser before its page, whatever stack it is of."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from skytier.charts.chart import Chart

# Generous: the bound is no part of what is tested.
BOUND_S = 120


class Command(Protocol):
    """The operator's tool, on some stack."""

    def start(self, *words: str) -> subprocess.Popen[str]: ...


@dataclass
class Dashboard:
    """The command while it runs."""

    address: str
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """Without the token: `http://127.0.0.1:40123`."""
        return self.address.partition("/#")[0]

    @property
    def token(self) -> str:
        return self.address.partition("token=")[2]

    def get(self, path: str, **headers: str) -> httpx.Response:
        allowed = {"Authorization": f"Bearer {self.token}"} | headers
        return httpx.get(self.url + path, headers=allowed, timeout=60)


@contextmanager
def serving(skytier: Command, *arguments: str) -> Iterator[Dashboard]:
    """The command, ended by Ctrl-C, which has to be a good end."""
    process = skytier.start("dashboard", "--no-open", *arguments)
    assert process.stdout
    said = process.stdout.readline()
    try:
        assert "http://127.0.0.1:" in said, said + process.stdout.read()
        yield Dashboard(said.split()[-1], process)
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=300)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


@dataclass
class Watcher:
    """A browser of one's own before the dashboard, and what went wrong in it."""

    dashboard: Dashboard
    charts: Sequence[Chart]
    """Those that have a target."""
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    async def open(self) -> Page:
        """The page, once each chart has its lines."""
        await self.page.goto(self.dashboard.address)
        for chart in self.charts:
            drawn = self.page.locator(f"[data-chart={chart.id}][data-state=drawn]")
            await expect(drawn).to_have_count(1)
        await expect(self.page.locator(".topology svg")).to_be_visible()
        return self.page


@asynccontextmanager
async def watching(
    browser: Browser, dashboard: Dashboard, charts: Sequence[Chart], **options: object
) -> AsyncIterator[Watcher]:
    """A watcher, who must have met no fault at the end; options are those of new_context."""
    context = await browser.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
    context.set_default_timeout(BOUND_S * 1000)
    watcher = Watcher(dashboard, charts, context, await context.new_page())
    page, faults = watcher.page, watcher.faults
    page.on("pageerror", lambda error: faults.append(str(error)))

    def listen(message: ConsoleMessage) -> None:
        # A refused request is the business of the test that made it.
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    page.on("console", listen)
    page.on("request", lambda request: _only(dashboard.url, request.url, faults))
    try:
        yield watcher
    finally:
        await context.close()
    # No error of a script, no violation of the policy, no request to another host.
    assert not faults, faults


def _only(address: str, url: str, faults: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        faults.append(f"a request to another host: {url}")


async def painted(figure: Locator) -> None:
    """Until something is in a colour of lines, which grid and labels are not."""
    strong = """canvas => {
        const {width, height} = canvas;
        const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
        for (let at = 0; at < data.length; at += 4) {
            const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
            // More than the faint ground below a line; two moments may be less than a pixel apart.
            if (data[at + 3] > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 40) return true;
        }
        return false;
    }"""
    for _ in range(BOUND_S):
        if await figure.locator("canvas").evaluate(strong):
            return
        await asyncio.sleep(1)
    raise AssertionError(await figure.get_attribute("data-chart"))

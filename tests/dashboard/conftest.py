"""A watched stack of this machine with everything that can be measured here, and its dashboard."""

import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from skytier.local.home import Home
from skytier.local.monitor import source
from skytier.local.stack import Stack
from skytier.metrics.catalogue import BY_ID, CHARTS
from skytier.metrics.chart import Chart
from skytier.poll import until
from tests.skytier_command import Skytier, free_port

# Generous: the bound is no part of what is tested.
BOUND_S = 120

WITHOUT_TARGET = {"replication_lag_s", "cost_per_month"}
"""Charts of what a stack on one machine does not have: a replica, and a price."""
EXPECTED = [chart for chart in CHARTS if chart.id not in WITHOUT_TARGET]


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that the stack keeps its sessions in."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not on this machine: ./test.sh says how to install it"
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        yield f"redis://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="session")
def stack(make_skytier: Callable[[], Skytier], redis: str) -> Skytier:
    """Up, used a little, and measured for so long that each chart with a target has figures."""
    skytier = make_skytier()
    skytier.run("up", "--port", str(free_port()), "--workers", "2", "--redis", redis)
    figures = source.source(Stack(Home(skytier.home)))

    def missing() -> list[Chart]:
        use(skytier.url())
        return [chart for chart in EXPECTED if not figures.latest(chart)]

    assert until(lambda: not missing(), BOUND_S, every_s=3), [each.id for each in missing()]
    return skytier


@pytest.fixture
def fresh(make_skytier: Callable[[], Skytier]) -> Skytier:
    """A home that nothing was ever brought up in."""
    return make_skytier()


def use(url: str) -> None:
    """Some requests, among them a sign-in, which Redis hears of."""
    with httpx.Client(base_url=url, timeout=30) as client:
        for path in ("/", "/api/posts", "/api/stats", "/api/posts/1"):
            client.get(path)
        client.post("/api/sessions", json={"username": "nobody", "password": "a wrong sentence"})
        client.get("/api/posts", headers={"Cookie": "session=nobody-s"})


def part_pid(skytier: Skytier, part: str) -> int:
    """The main process of one of the parts that watch."""
    pid = Stack(Home(skytier.home)).monitor.found_parts()[part].pid
    assert pid is not None, f"{part} does not run"
    return pid


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
def serving(skytier: Skytier, *arguments: str) -> Iterator[Dashboard]:
    """The command, ended by Ctrl-C, which has to be a good end."""
    process = skytier.start("dashboard", "--no-open", *arguments)
    assert process.stdout
    said = process.stdout.readline()
    try:
        assert "http://127.0.0.1:" in said, said + process.stdout.read()
        yield Dashboard(said.split()[-1], process)
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


@pytest.fixture(scope="session")
def dashboard(stack: Skytier) -> Iterator[Dashboard]:
    with serving(stack) as running:
        yield running


@dataclass
class Watcher:
    """A browser of one's own before the dashboard, and what went wrong in it."""

    dashboard: Dashboard
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    async def open(self) -> Page:
        """The page, once each chart has its lines."""
        await self.page.goto(self.dashboard.address)
        await expect(self.page.locator("[data-state=drawn]")).to_have_count(len(EXPECTED))
        await expect(self.page.locator(".topology svg")).to_be_visible()
        return self.page


NewWatcher = Callable[..., Awaitable[Watcher]]


@pytest.fixture
async def new_watcher(dashboard: Dashboard, browser: Browser) -> AsyncIterator[NewWatcher]:
    """Makes watchers; options are those of Playwright's new_context."""
    watchers: list[Watcher] = []

    async def make(seen: Dashboard = dashboard, **options: object) -> Watcher:
        context = await browser.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
        context.set_default_timeout(BOUND_S * 1000)
        watcher = Watcher(seen, context, await context.new_page())
        page, faults = watcher.page, watcher.faults
        page.on("pageerror", lambda error: faults.append(str(error)))

        def listen(message: ConsoleMessage) -> None:
            # A refused request is the business of the test that made it.
            if message.type == "error" and "Failed to load resource" not in message.text:
                faults.append(message.text)

        page.on("console", listen)
        page.on("request", lambda request: _only(seen.url, request.url, faults))
        watchers.append(watcher)
        return watcher

    yield make
    for watcher in watchers:
        await watcher.context.close()
    # No error of a script, no violation of the policy, no request to another host.
    assert [fault for watcher in watchers for fault in watcher.faults] == []


def _only(address: str, url: str, faults: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        faults.append(f"a request to another host: {url}")


@pytest.fixture
async def watcher(new_watcher: NewWatcher) -> Watcher:
    return await new_watcher()


def chart(page: Page, name: str) -> Locator:
    """A chart's figure."""
    assert name in BY_ID
    return page.locator(f"[data-chart={name}]")

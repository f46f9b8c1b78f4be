"""A watched stack of this machine with everything that can be measured here, and its dashboard."""

import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page

from skytier.charts.chart import Chart, Group
from skytier.local.home import Home
from skytier.local.monitor import source
from skytier.local.stack import LocalStack
from skytier.metrics.catalogue import BY_ID, CHARTS
from skytier.metrics.grid import aligned
from skytier.poll import until
from tests.haste import LOOKS, hurry
from tests.skytier_command import Skytier, free_port

from .watching import BOUND_S, Dashboard, Watcher, serving, watching

WITHOUT_TARGET = {"replication_lag_s", "cost_per_month"}
"""Charts of what a stack on one machine does not have: a replica, and a price."""
EXPECTED = [
    # Nor has it a balancer.
    chart
    for chart in CHARTS
    if chart.id not in WITHOUT_TARGET and chart.group is not Group.BALANCER
]


@pytest.fixture(scope="package")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that the stack keeps its sessions in."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not on this machine: ./test.sh says how to install it"
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        assert until(lambda: is_open(port), 120)
        yield f"redis://127.0.0.1:{port}"
        server.terminate()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="package")
def stack(make_skytier: Callable[[], Skytier], redis: str) -> Iterator[Skytier]:
    """Up, used a little, and measured for so long that each chart with a target has figures."""
    skytier = make_skytier()
    skytier.run("up", "--port", str(free_port()), "--workers", "2", "--redis", redis)
    hurry(skytier, LOOKS)
    figures = source.source(LocalStack(Home(skytier.home)))

    def missing() -> list[Chart]:
        use(skytier.url())
        # Also at the moments that a chart shows: a busy machine looks now and then only.
        moments = aligned(time.time() - 900, time.time())
        return [
            chart
            for chart in EXPECTED
            if not (figures.latest(chart) and figures.series(chart, *moments))
        ]

    assert until(lambda: not missing(), BOUND_S, every_s=1), [each.id for each in missing()]
    yield skytier
    skytier.run("down", "--purge", "--yes")


@pytest.fixture
def fresh(make_skytier: Callable[[], Skytier]) -> Skytier:
    """A home that nothing was ever brought up in."""
    return make_skytier()


def use(url: str) -> None:
    """Some requests, among them a sign-in, which Redis hears of."""
    with httpx.Client(base_url=url) as client:
        for path in ("/", "/api/posts", "/api/stats", "/api/posts/1"):
            client.get(path)
        client.post("/api/sessions", json={"username": "nobody", "password": "a wrong sentence"})
        client.get("/api/posts", headers={"Cookie": "session=nobody-s"})


def part_pid(skytier: Skytier, part: str) -> int:
    """The main process of one of the parts that watch."""
    pid = LocalStack(Home(skytier.home)).monitor.states()[part].pid
    assert pid is not None, f"{part} does not run"
    return pid


@pytest.fixture(scope="package")
def dashboard(stack: Skytier) -> Iterator[Dashboard]:
    with serving(stack) as running:
        yield running


NewWatcher = Callable[..., Awaitable[Watcher]]


@pytest.fixture
async def new_watcher(dashboard: Dashboard, browser: Browser) -> AsyncIterator[NewWatcher]:
    """Makes watchers; options are those of Playwright's new_context."""
    async with AsyncExitStack() as opened:

        async def make(seen: Dashboard = dashboard, **options: object) -> Watcher:
            return await opened.enter_async_context(watching(browser, seen, EXPECTED, **options))

        yield make


@pytest.fixture
async def watcher(new_watcher: NewWatcher) -> Watcher:
    return await new_watcher()


def chart(page: Page, name: str) -> Locator:
    """A chart's figure."""
    assert name in BY_ID
    return page.locator(f"[data-chart={name}]")

"""What tests of several parts share: a browser, and stacks run by the operator's own command."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.skytier_command import Skytier

# A shell without a terminal starts what runs in its background deaf to Ctrl-C, and processes
# inherit that. Tests send this signal: theirs hear it however they are run.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time: a busy machine takes longer over the same example.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Generous, as no bound is part of what is tested. It is one setting of the whole process.
expect.set_options(timeout=120_000)


SHARED = ("machines", "measured", "filled")
"""Fixtures that take tens of seconds: the tests of each stay in one process."""
FIRST = (
    *("machines", "measured", "tool/test_monitor.py", "filled"),
    *("app/test_openapi.py", "bench/test_run.py", "app/test_outage.py"),
)
"""The groups of tests that take longest, in the order in which they begin."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run in several processes: say which stay together, and put the longest first."""
    if not config.getoption("loadgroup", False):
        return
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    places = {group: place for place, group in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(groups[item], len(places)))


def _group(item: pytest.Item) -> str:
    """Its own mark, or else the costly fixture that it shares, or else its file."""
    if mark := item.get_closest_marker("xdist_group"):
        return str(mark.args[0])
    shared = [name for name in SHARED if name in getattr(item, "fixturenames", ())]
    return shared[0] if shared else item.nodeid.partition("::")[0].removeprefix("tests/")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    arguments = ["--disable-gpu", "--disable-quic", "--disable-background-networking"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's own sandbox refuses root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=arguments
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def make_skytier() -> Iterator[Callable[[], Skytier]]:
    """Makes homes in a short path that other users can pass; what runs in them ends at last."""
    root = Path(tempfile.mkdtemp(prefix="sky"))
    root.chmod(0o711)
    made: list[Skytier] = []

    def make() -> Skytier:
        made.append(Skytier(root / str(len(made))))
        return made[-1]

    yield make
    for skytier in made:
        if skytier.home.exists():
            skytier.start("down", "--purge", "--yes").communicate(timeout=120)
    shutil.rmtree(root)

"""What tests of several parts share: a browser, and stacks run by the operator's own command."""

import functools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx._config as httpx_config
import httpx._transports.default as httpx_transports
import hypothesis
import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.skytier_command import PROGRAM, Skytier

pytest_plugins = ["tests.garbage", "tests.large", "tests.side_by_side", "tests.systems"]

# A shell without a terminal starts what runs in its background deaf to Ctrl-C, and processes
# inherit that. Tests send this signal: theirs hear it however they are run.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Each client of httpx reads all certificate authorities of the world, which takes 40 ms of a
# processor. Tests have many clients, and most ask this machine by plain HTTP: it is done once.
httpx_transports.create_ssl_context = functools.cache(httpx_transports.create_ssl_context)

# A busy machine takes more than the five seconds over an answer that a client of httpx gives it.
for _part in ("connect", "read", "write", "pool"):
    setattr(httpx_config.DEFAULT_TIMEOUT_CONFIG, _part, 60.0)

# No test asserts a time: a busy machine takes longer over the same example, and over making one.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

# Generous, as no bound is part of what is tested. It is one setting of the whole process.
expect.set_options(timeout=120_000)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    # The browser without its windows takes less than half of the processor's time.
    program = shutil.which("chromium-headless-shell")
    assert program, (
        "chromium-headless-shell is not on this machine: ./test.sh says how to install it"
    )
    arguments = ["--disable-gpu", "--disable-quic", "--disable-background-networking"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's own sandbox refuses root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def make_skytier() -> Iterator[Callable[..., Skytier]]:
    """Makes homes in a short path that other users can pass; what runs in them ends at last."""
    # Every character that a home may have and that some file could take for its own.
    root = Path(tempfile.mkdtemp(prefix="s;{} #%é"))
    root.chmod(0o711)
    made: list[Skytier] = []

    def make(program: Path = PROGRAM) -> Skytier:
        made.append(Skytier(root / str(len(made)), program))
        return made[-1]

    yield make
    for skytier in made:
        if skytier.home.exists():
            skytier.start("down", "--purge", "--yes").communicate(timeout=600)
    shutil.rmtree(root)

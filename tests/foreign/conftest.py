"""Projects that know nothing of Skytier, from `skytier init` in their directory to a page."""

import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from skytier.local import process
from skytier.poll import until
from tests.skytier_command import Skytier, free_port

PROJECTS = Path(__file__).parent / "projects"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


@dataclass(frozen=True)
class Site:
    """A project that is up on this machine."""

    directory: Path
    skytier: Skytier
    init: str
    """What `skytier init` said."""

    @property
    def url(self) -> str:
        return self.skytier.url()

    def run(self, *words: str, **more: object) -> str:
        """A command of the project: `flask`, `python manage.py`."""
        return self.skytier.run("run", "--", *words, cwd=self.directory, **more)

    def release(self) -> None:
        """`skytier up` after a change, until the process before has ended: it still answers on the
        connections that it has."""
        before = self.skytier.pid("application")
        self.skytier.run("up", cwd=self.directory)
        assert until(lambda: process.identity(before) is None, 120)


@contextmanager
def brought_up(
    directory: Path,
    skytier: Skytier,
    complete: Callable[[], None] = lambda: None,
    timeout: float = 1200,
) -> Iterator[Site]:
    """What a newcomer types in a project's directory; `complete` is what is done before `up`.

    `timeout` is how long `up` may take, in seconds.
    """
    init = skytier.run("init", cwd=directory)
    complete()
    words = ("--port", str(free_port()), "--workers", "1", "--no-monitor")
    skytier.run("up", *words, cwd=directory, timeout=timeout)
    yield Site(directory, skytier, init)
    skytier.run("down", "--purge", "--yes", cwd=directory)


@pytest.fixture(scope="module")
def bring_up(
    tmp_path_factory: pytest.TempPathFactory, make_skytier: Callable[[], Skytier]
) -> Iterator[Callable[[str], Site]]:
    """Brings up a copy of one of the projects here."""
    stacks = []

    def bring(name: str) -> Site:
        directory = tmp_path_factory.mktemp(name) / name
        shutil.copytree(PROJECTS / name, directory)
        stacks.append(brought_up(directory, make_skytier()))
        return stacks[-1].__enter__()

    yield bring
    for stack in stacks:
        stack.__exit__(None, None, None)


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a browser of its own, in which nothing may go wrong."""
    context = await browser.new_context()
    context.set_default_timeout(120_000)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    await context.close()
    assert not faults


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a language in a page of the documentation, without their indentation."""
    text = (HOW_TO / page).read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]

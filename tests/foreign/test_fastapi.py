"""A FastAPI project as uv makes it: src layout, uv.lock, a build backend; with a WebSocket."""

from collections.abc import Callable

import httpx
import pytest
from playwright.async_api import Page, expect

from skytier.stackfile import load

from .conftest import Site


@pytest.fixture(scope="module")
def site(bring_up: Callable[[str], Site]) -> Site:
    return bring_up("chat")


def test_init_finds_all_of_it(site: Site) -> None:
    section = load(site.directory / "skytier.toml").application
    assert (section.serve, section.interface) == ("chat.main:app", "asgi")
    assert (section.dependencies, section.health) == ("uv.lock", "/healthz")
    assert section.static == {"/assets/": "assets"}


async def test_a_browser_talks_with_it_by_a_websocket(site: Site, page: Page) -> None:
    await page.goto(site.url)
    await expect(page.locator("body")).to_have_css("background-color", "rgb(240, 248, 255)")
    await page.get_by_label("Message").fill("Hello")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("listitem")).to_have_text("Hello")
    # It is in the database, for the next visit.
    await page.reload()
    await expect(page.get_by_role("listitem")).to_have_text("Hello")


def test_packages_are_those_of_the_lock(site: Site) -> None:
    lock = (site.directory / "uv.lock").read_text()
    program = (
        "import fastapi, importlib.metadata as m; print(fastapi.__version__, m.version('chat'))"
    )
    fastapi, chat = site.run("python", "-c", program).split()
    assert f'name = "fastapi"\nversion = "{fastapi}"' in lock
    assert chat == "0.1.0"


def test_what_fails_at_its_import_is_told_and_the_release_before_serves(site: Site) -> None:
    code = site.directory / "src/chat/main.py"
    text = code.read_text()
    code.write_text(f"{text}\nraise RuntimeError('the moon is missing')\n")
    try:
        said = site.skytier.ends_with(1, "up", cwd=site.directory)
    finally:
        code.write_text(text)
    assert "RuntimeError: the moon is missing" in said
    assert "The release before" in said
    assert httpx.get(f"{site.url}/healthz").json() == {"status": "ok"}
    site.skytier.run("up", cwd=site.directory)

"""A Flask project: a factory, requirements.txt, migrations by Alembic, forms, uploads."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from skytier.stackfile import load

from .conftest import Site


@pytest.fixture(scope="module")
def site(bring_up: Callable[[str], Site]) -> Site:
    return bring_up("notes")


def test_init_finds_all_of_it(site: Site) -> None:
    section = load(site.directory / "skytier.toml").application
    assert (section.serve, section.interface) == ("notes:create_app", "wsgi-factory")
    assert section.migrate == "flask --app notes:create_app db upgrade"
    assert section.static == {"/static/": "notes/static"}
    assert section.writable == ("uploads",)


async def test_a_form_with_an_upload_is_sent_and_its_file_outlives_the_release(
    site: Site, page: Page, tmp_path: Path
) -> None:
    attached = tmp_path / "plan.txt"
    attached.write_text("Buy milk.\n")
    await page.goto(site.url)
    await expect(page.get_by_role("heading")).to_have_css("color", "rgb(0, 100, 0)")
    await page.get_by_label("Text").fill("Tomorrow")
    await page.get_by_label("Attachment").set_input_files(attached)
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("listitem")).to_contain_text("Tomorrow")
    before = (site.skytier.home / "current").readlink()

    template = site.directory / "notes/templates/index.html"
    template.write_text(template.read_text().replace("<h1>Notes", "<h1>My notes"))
    site.release()

    assert (site.skytier.home / "current").readlink() != before
    await page.reload()
    await expect(page.get_by_role("heading")).to_have_text("My notes")
    assert httpx.get(f"{site.url}/attachments/plan.txt").text == "Buy milk.\n"
    # It is the application's alone: Nginx does not serve it, and no other user reads it.
    assert httpx.get(f"{site.url}/uploads/plan.txt").status_code == 404
    uploads = site.skytier.home / "data/uploads"
    assert uploads.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in uploads.iterdir()] == ["plan.txt"]


def test_it_is_told_where_it_runs(site: Site) -> None:
    names = ("SKYTIER_MACHINE", "SKYTIER_PROCESS", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS")
    program = f"import os; print(*(os.environ[name] for name in {names}))"
    machine, process, hosts, origins = site.run("python", "-c", program).split()
    assert (machine, process) == (os.uname().nodename, "run")
    assert hosts == "127.0.0.1,localhost"
    assert origins.split(",")[0] == site.url

"""A Wagtail site as `wagtail start` makes it, with the changes of the how-to: nothing else."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import httpx
import pytest
from playwright.async_api import Page, expect

from skytier.release import uv
from skytier.stackfile import load
from tests.skytier_command import Skytier

from .conftest import Site, blocks, brought_up

# Its packages are many: the first build on a busy machine takes minutes.
pytestmark = pytest.mark.timeout(1800)
PINNED = ("wagtail==7.0.10", "django==5.2.19", "asgiref==3.12.0", "sqlparse==0.5.3")
"""Wagtail with what `wagtail start` needs. It is the oldest that is still looked after: its Django
runs on every Python that Skytier runs on."""
PASSWORD = "a long and private sentence"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
"""A PNG of one red pixel."""


@pytest.fixture(scope="module")
def mysite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`wagtail start mysite`, and both changes."""
    packages, directory = tmp_path_factory.mktemp("wagtail"), tmp_path_factory.mktemp("site")
    got = uv.run("pip", "install", "--no-deps", *PINNED, f"--target={packages}", directory=packages)
    assert got.code == 0, got.stderr
    program = "from wagtail.bin.wagtail import main; main()"
    command = [sys.executable, "-c", program, "start", "mysite", directory]
    run(command, check=True, capture_output=True, env={"PYTHONPATH": str(packages)})

    page = "run-a-wagtail-site.md"
    (requirements,), (settings,) = blocks(page, "text"), blocks(page, "python")
    with (directory / "requirements.txt").open("a") as file:
        file.write(f"\n{requirements}")
    production = directory / "mysite/settings/production.py"
    begin = "from .base import *\n"
    production.write_text(production.read_text().replace(begin, begin + settings))
    return directory


@pytest.fixture(scope="module")
def site(mysite: Path, make_skytier: Callable[[], Skytier]) -> Iterator[Site]:
    with brought_up(mysite, make_skytier()) as site:
        site.run(
            *("python", "manage.py", "createsuperuser", "--noinput"),
            *("--username=ada", "--email=ada@example.org"),
            env={"DJANGO_SUPERUSER_PASSWORD": PASSWORD},
        )
        yield site


def test_init_finds_all_of_it_and_has_nothing_more_to_ask(site: Site) -> None:
    section = load(site.directory / "skytier.toml").application
    assert (section.serve, section.interface) == ("mysite.wsgi:application", "wsgi")
    assert section.env == {"DJANGO_SETTINGS_MODULE": "mysite.settings.production"}
    assert section.static == {"/static/": "static"}
    assert section.media == {"/media/": "media"}
    assert "!" not in site.init


def test_init_says_what_is_missing_without_the_changes(
    mysite: Path, make_skytier: Callable[[], Skytier], tmp_path: Path
) -> None:
    for path in ("manage.py", "mysite/wsgi.py", "mysite/settings/base.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((mysite / path).read_text())
    (tmp_path / "mysite/settings/production.py").write_text("from .base import *\nDEBUG = False\n")
    (tmp_path / "requirements.txt").write_text("Django>=5.2,<5.3\nwagtail>=7.0,<7.1\n")
    said = make_skytier().run("init", cwd=tmp_path)
    for word in ("Add psycopg", "no SECRET_KEY", "Read DATABASE_URL", "no ALLOWED_HOSTS"):
        assert word in said


async def test_an_editor_signs_in_and_uploads_an_image_that_outlives_the_release(
    site: Site, page: Page, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(PIXEL)
    await page.goto(f"{site.url}/admin/")
    await page.get_by_label("Username").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{site.url}/admin/")

    await page.goto(f"{site.url}/admin/images/add/")
    await page.locator("input[type=file]").set_input_files(picture)
    await page.get_by_role("button", name="Upload").click()
    await page.wait_for_url(f"{site.url}/admin/images/")
    thumbnail = page.get_by_role("main").locator("img").first
    await expect(thumbnail).to_have_js_property("naturalWidth", 1)
    source = str(await thumbnail.get_attribute("src"))
    assert source.startswith("/media/images/")

    old = stylesheet(site)
    code = site.directory / "mysite/static/css/mysite.css"
    code.write_text("h1 { color: rgb(0, 100, 0); }\n")
    welcome = site.directory / "home/templates/home/welcome_page.html"
    welcome.write_text(welcome.read_text().replace("Welcome to your", "Behold your"))
    site.release()

    await page.goto(site.url)
    await expect(page.get_by_text("Behold your new Wagtail site")).to_be_visible()
    assert httpx.get(site.url + source).content[1:4] == b"PNG"
    # Both pages' style sheets are there: a browser may still have the old page.
    new = stylesheet(site)
    assert new != old
    for path in (old, new):
        answer = httpx.get(site.url + path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]


def stylesheet(site: Site) -> str:
    """The address of the site's own style sheet, which has a hash in its name."""
    found = re.search(r"/static/css/mysite\.[0-9a-f]{12}\.css", httpx.get(site.url).text)
    assert found
    return found[0]


def test_each_release_has_the_manifest_of_its_own_static_files(site: Site) -> None:
    program = (
        "from django.contrib.staticfiles.storage import staticfiles_storage as s; "
        "print(s.path(s.manifest_name))"
    )
    manifest = site.run("python", "manage.py", "shell", "-v0", "-c", program).strip()
    own = (site.skytier.home / "current").resolve()
    assert Path(manifest).resolve().is_relative_to(own)


def test_only_what_cannot_run_is_shown_of_uploads(site: Site) -> None:
    media = site.skytier.home / "data/media"
    for name in ("page.html", "picture.svg", "photo.png", "paper.pdf"):
        (media / name).write_bytes(PIXEL)
    (media / "link.txt").symlink_to("/etc/hostname")
    for name, shown in (("page.html", False), ("picture.svg", False), ("photo.png", True)):
        headers = httpx.get(f"{site.url}/media/{name}").headers
        assert ("Content-Disposition" not in headers) is shown
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-cache"
    assert httpx.get(f"{site.url}/media/link.txt").status_code == 403
    missing = httpx.get(f"{site.url}/media/missing.png")
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")


def test_only_the_hosts_of_the_site_are_answered(site: Site) -> None:
    assert httpx.get(site.url, headers={"Host": "elsewhere.example.org"}).status_code == 400
    assert httpx.get(site.url, headers={"Host": "localhost"}).status_code == 200


@pytest.mark.parametrize(("scheme", "status"), [("https", 302), ("http", 403)])
def test_a_form_over_https_passes_since_nginx_says_so(site: Site, scheme: str, status: int) -> None:
    # As Nginx asks where there is a certificate: by the socket, with the scheme of the visitor.
    headers = {"Host": "localhost", "X-Forwarded-Proto": scheme, "X-Forwarded-For": "192.0.2.1"}
    transport = httpx.HTTPTransport(uds=str(site.skytier.home / "run/application.sock"))
    with httpx.Client(transport=transport, headers=headers, base_url="http://localhost") as client:
        form = client.get("/admin/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token
        fields = {"csrfmiddlewaretoken": token[1], "username": "ada", "password": PASSWORD}
        origin = {"Origin": "https://localhost"}
        assert client.post("/admin/login/", data=fields, headers=origin).status_code == status

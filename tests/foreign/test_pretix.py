"""pretix: a package with a worker, Redis and a periodic job, run as its how-to says."""

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect
from redis import Redis
from redis.exceptions import ConnectionError as NotYetError

from skytier.poll import until
from skytier.stackfile import load
from tests.skytier_command import Skytier, free_port

from .conftest import Site, blocks, brought_up

LONG_S = 3600
"""The first build and the migration take minutes, and much longer on a busy machine."""
pytestmark = [pytest.mark.large, pytest.mark.timeout(2 * LONG_S)]
PAGE = "run-pretix.md"
PASSWORD = "a long and private sentence of 2026"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    assert program, "redis-server is not on this machine: ./test.sh says how to install it"
    port, password = free_port(), secrets.token_hex()
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    directory = tmp_path_factory.mktemp("redis")
    lines = (f"port {port}", "bind 127.0.0.1", f"requirepass {password}", 'save ""')
    (directory / "redis.conf").write_text("\n".join((*lines, f"dir {directory}\n")))
    process = subprocess.Popen([program, directory / "redis.conf"], stdout=subprocess.DEVNULL)
    with Redis.from_url(url) as redis:
        assert until(lambda: _answers(redis), 60)
    yield url
    process.terminate()
    process.wait(60)


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except NotYetError:
        return False


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with three files."""
    directory = tmp_path_factory.mktemp("tickets")
    (requirements, procfile), (settings,) = blocks(PAGE, "text"), blocks(PAGE, "python")
    (directory / "requirements.txt").write_text(requirements)
    (directory / "Procfile").write_text(procfile)
    (directory / "pretix_settings.py").write_text(settings)
    return directory


@pytest.fixture(scope="module")
def site(tickets: Path, redis_url: str, make_skytier: Callable[[], Skytier]) -> Iterator[Site]:
    skytier = make_skytier()

    def complete() -> None:
        """The changes of the stack file, and the secret."""
        keys, job = blocks(PAGE, "toml")
        stack = tickets / "skytier.toml"
        begin = "\n[application]\n"
        assert begin in stack.read_text()
        stack.write_text(f"{stack.read_text().replace(begin, begin + keys)}\n{job}")
        said = skytier.ends_with(1, "up", cwd=tickets)
        assert "secret set REDIS_URL" in said
        secret = tickets.with_name("redis_url")
        secret.write_text(redis_url)
        skytier.run("secret", "set", "REDIS_URL", "--from-file", str(secret), cwd=tickets)

    with brought_up(tickets, skytier, complete, timeout=LONG_S) as site:
        site.run(
            *("python", "-m", "pretix", "createsuperuser", "--noinput", "--email=ada@example.org"),
            env={"DJANGO_SUPERUSER_PASSWORD": PASSWORD},
        )
        yield site


def python(site: Site, program: str) -> str:
    """The last line that a program writes which uses the code of pretix."""
    begin = "import django; django.setup(); from django_scopes import scopes_disabled; "
    text = f"{begin}\nwith scopes_disabled():\n{re.sub('^', '    ', program, flags=re.MULTILINE)}"
    return site.run("python", "-c", text).strip().splitlines()[-1]


def test_init_reads_the_procfile(site: Site) -> None:
    section = load(site.directory / "skytier.toml").application
    assert (section.serve, section.interface) == ("pretix.wsgi:application", "wsgi")
    assert section.migrate == "python -m pretix migrate --noinput"
    assert section.env == {"DJANGO_SETTINGS_MODULE": "pretix_settings"}
    assert [each.name for each in section.process] == ["worker"]
    assert [each.name for each in section.job] == ["periodic"]
    assert "!" not in site.init


async def test_an_organizer_signs_in_and_what_was_made_outlives_a_release(
    site: Site, page: Page
) -> None:
    await sign_in(site, page)
    python(
        site,
        "from pretix.base.models import Organizer\n"
        "Organizer.objects.create(name='Ada and Co', slug='ada')\n"
        "print('made')",
    )
    with (site.directory / "pretix_settings.py").open("a") as settings:
        settings.write('\nPRETIX_INSTANCE_NAME = "Tickets of Ada"\n')
    site.release()

    # The session is there still, and so is the organizer.
    await page.goto(f"{site.url}/control/")
    await expect(page).to_have_title(re.compile("Tickets of Ada"))
    await page.goto(f"{site.url}/ada/")
    await expect(page.get_by_text("Ada and Co").first).to_be_visible()


async def sign_in(site: Site, page: Page) -> None:
    styles: list[str] = []
    page.on(
        "response",
        lambda answer: styles.append(answer.url) if answer.status == 200 else None,
    )
    await page.goto(f"{site.url}/control/")
    button = page.get_by_role("button", name="Log in")
    # As pretix's own style sheet has it.
    await expect(button).to_have_css("background-color", "rgb(127, 90, 145)")
    sheets = [url for url in styles if re.search(r"/static/.*\.css$", url)]
    assert sheets
    for url in sheets:
        assert "immutable" in httpx.get(url).headers["Cache-Control"]
    await page.get_by_label("Email").fill("ada@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await button.click()
    await page.wait_for_url(f"{site.url}/control/")
    await expect(page.get_by_text("ada@example.org").first).to_be_attached()


async def test_the_front_page_is_shown(site: Site, page: Page) -> None:
    await page.goto(site.url)
    await expect(page.get_by_role("heading").first).to_be_visible()
    assert (await page.evaluate("document.styleSheets.length")) > 0


def test_the_worker_runs_a_task_and_gives_its_result_back(site: Site) -> None:
    processes = json.loads(site.skytier.run("ps", "--json", cwd=site.directory))
    (worker,) = [each for each in processes if each["name"] == "worker"]
    assert (worker["state"], worker["restarts"]) == ("running", 0)
    done = python(
        site,
        "from pretix.base.services.datasync import sync_all\n"
        "from pretix.celery_app import app\n"
        "task = sync_all.delay()\n"
        "task.get(timeout=600)\n"
        "nodes = app.control.inspect(timeout=60, limit=1).stats()\n"
        "print(app.conf.task_always_eager, task.state, *nodes)",
    )
    eager, state, node = done.split()
    assert (eager, state) == ("False", "SUCCESS")
    assert node.startswith("celery@")


def test_the_periodic_job_ends_well(site: Site) -> None:
    """A run by hand is refused while one by the clock goes on."""
    said: dict[int, str] = {}

    def ran() -> bool:
        words = ("job", "run", "periodic")
        with site.skytier.start(*words, cwd=site.directory) as popen:
            output, _ = popen.communicate(timeout=LONG_S)
        said[popen.returncode] = output
        return popen.returncode != 75

    assert until(ran, LONG_S)
    assert 0 in said, said
    assert "ERROR" not in said[0]
    (job,) = json.loads(site.skytier.run("job", "list", "--json", cwd=site.directory))
    assert job["name"] == "periodic"


def test_nginx_serves_the_files_that_are_for_everybody_and_no_others(site: Site) -> None:
    saved = python(
        site,
        "from django.core.files.base import ContentFile\n"
        "from django.core.files.storage import default_storage as files\n"
        "names = 'pub/ada/logo.png', 'invoices/ada/1.pdf'\n"
        "print(*[files.url(files.save(name, ContentFile(b'it'))) for name in names])",
    )
    public, private = saved.split()
    assert (public, private) == ("/media/pub/ada/logo.png", "/media/invoices/ada/1.pdf")
    answer = httpx.get(site.url + public)
    assert (answer.status_code, answer.content) == (200, b"it")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert httpx.get(site.url + private).status_code == 404

"""Guests that boot Debian 13: a whole stack, and a web server that goes over to it from Debian 12.

The images are in the project of the test alone: a stack file that names none would get them, too.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.project.trees import write

from .account import Account, Operator

pytestmark = pytest.mark.large
FORMER, NEWER = "debian-12-skytier", "debian-13-skytier"
CODE_NAMES = {FORMER: "bookworm", NEWER: "trixie"}
ROOT = Path(__file__).parents[3]
# An application that says which Python runs it.
FILES = {
    "requirements.txt": "# Nothing but what serves it.\n",
    "shop.py": """\
import sys

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["Python {}.{}".format(*sys.version_info).encode()]
""",
}


def whole(name: str, more: str = "") -> str:
    """The stack file of a web server with a database and a monitor."""
    return f'name = "{name}"\nimage = "{NEWER}"\nflavor = "m1.tiny"\n{more}'


def web_alone(name: str, image: str) -> str:
    """The stack file of a web server that runs that application."""
    return (
        f'name = "{name}"\nimage = "{image}"\nflavor = "m1.tiny"\n[monitor]\nenabled = false\n'
        '[application]\nsource = "shop"\nserve = "shop:application"\ninterface = "wsgi"\n'
        "requires = []\n"
    )


@pytest.fixture(scope="module", autouse=True)
def newer(account: Account) -> Iterator[None]:
    """The images of Debian 13, in the project alone."""
    words = [ROOT / "devcloud/image", "debian-13", "--project", account.project_id]
    subprocess.run(words, check=True)
    try:
        yield
    finally:
        for image in account.connection.image.images(owner=account.project_id):
            account.connection.image.delete_image(image)


@pytest.fixture(scope="module")
def url(operator: Operator, name: str) -> Iterator[str]:
    operator.write(whole(name))
    try:
        operator.run("up", "--yes")
        yield str(operator.json("status", code=None)["url"])
    finally:
        operator.run("down", "--delete-data", "--yes")
        assert operator.json("status", code=3)["machines"] == []


def code_name(operator: Operator, machine: str) -> str:
    said = operator.run("exec", machine, ". /etc/os-release; echo its name: $VERSION_CODENAME")
    return said.partition("its name:")[2].split()[0]


def test_all_of_it_is_healthy_and_a_plan_has_nothing_to_do(operator: Operator, url: str) -> None:
    assert operator.json("status")["healthy"] is True
    operator.ends_with(0, "plan", "--detailed-exitcode")
    for machine in ("web", "database"):
        assert code_name(operator, machine) == CODE_NAMES[NEWER]


async def test_visitors_register_and_write_and_a_browser_shows_it(
    url: str, browser: Browser
) -> None:
    who = {"username": "reader", "password": "a long and private sentence"}
    with httpx.Client(base_url=url, timeout=120) as visitor:
        made = visitor.post("/api/users", json={**who, "email": "reader@example.org"})
        assert made.status_code == 201, made.text
        visitor.post("/api/sessions", json=who).raise_for_status()
        posted = visitor.post("/api/posts", json={"title": "Trixie", "content": "It runs."})
        assert posted.status_code == 201, posted.text
    page = await browser.new_page()
    await page.goto(f"{url}/", timeout=120_000)
    await expect(page.get_by_role("link", name="Trixie")).to_be_visible()


def test_a_change_is_made_and_then_there_is_nothing_to_do(
    operator: Operator, name: str, url: str
) -> None:
    operator.write(whole(name, 'tls = "self-signed"\n'))
    operator.run("up", "--yes")
    assert operator.json("status")["url"] == url.replace("http:", "https:")
    operator.ends_with(0, "plan", "--detailed-exitcode")


def test_a_web_server_on_debian_12_goes_over_by_naming_the_image(
    make_operator: Callable[[], Operator], name: str
) -> None:
    operator, other = make_operator(), f"{name}-12"
    write(operator.directory / "shop", FILES)
    operator.write(web_alone(other, FORMER))
    try:
        operator.run("up", "--yes")
        url = str(operator.json("status", code=None)["url"])
        assert httpx.get(url, timeout=60).text == "Python 3.11"
        assert code_name(operator, "web") == CODE_NAMES[FORMER]

        operator.write(web_alone(other, NEWER))
        operator.run("up", "--yes")
        assert operator.json("status")["url"] == url
        assert httpx.get(url, timeout=60).text == "Python 3.13"
        assert code_name(operator, "web") == CODE_NAMES[NEWER]
        operator.ends_with(0, "plan", "--detailed-exitcode")
    finally:
        operator.run("down", "--yes")
        assert operator.json("status", code=3)["machines"] == []

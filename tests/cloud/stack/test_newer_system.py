"""A stack of two guests that boot Debian 13, from nothing to its page and back to nothing."""

from collections.abc import Iterator

import httpx
import pytest

from .account import Account, Operator

pytestmark = pytest.mark.large
IMAGE = "debian-13-skytier"


@pytest.fixture(scope="module")
def url(account: Account, operator: Operator, name: str) -> Iterator[str]:
    """The address of a web server with a database and a monitor."""
    if not account.connection.image.find_image(IMAGE):
        pytest.skip(f"the cloud has no image {IMAGE}: devcloud/image debian-13")
    operator.write(f'name = "{name}"\nimage = "{IMAGE}"\nflavor = "m1.tiny"\n')
    try:
        operator.run("up", "--yes")
        yield str(operator.json("status", code=None)["url"])
    finally:
        operator.run("down", "--delete-data", "--yes")
        assert operator.json("status", code=3)["machines"] == []


def test_all_of_it_is_healthy_and_a_plan_has_nothing_to_do(operator: Operator, url: str) -> None:
    assert operator.json("status")["healthy"] is True
    operator.ends_with(0, "plan", "--detailed-exitcode")
    for machine in ("web", "database"):
        assert "VERSION_CODENAME=trixie" in operator.run("exec", machine, "cat /etc/os-release")


def test_visitors_register_and_write(url: str) -> None:
    who = {"username": "reader", "password": "a long and private sentence"}
    with httpx.Client(base_url=url, timeout=120) as visitor:
        assert "<html" in visitor.get("/").text
        made = visitor.post("/api/users", json={**who, "email": "reader@example.org"})
        assert made.status_code == 201, made.text
        visitor.post("/api/sessions", json=who).raise_for_status()
        posted = visitor.post("/api/posts", json={"title": "Trixie", "content": "It runs."})
        assert posted.status_code == 201, posted.text
        assert "Trixie" in visitor.get("/api/posts").text

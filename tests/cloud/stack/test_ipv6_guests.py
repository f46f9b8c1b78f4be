"""A stack with guests that is opened by IPv6, as by a visitor outside of the cloud."""

import json
import subprocess
from collections.abc import Iterator

import httpx
import openstack
import pytest
from playwright.async_api import Browser

from skytier.poll import until

from .account import Account, Operator

pytestmark = pytest.mark.large
BRIDGE = "br-ex"
OUTSIDE, INSIDE = "fd5b:4:0:1::", "fd5b:4:0:2::"


def ip(*words: str) -> str:
    return subprocess.run(["ip", "-6", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def outside() -> Iterator[None]:
    """IPv6 on the external network, with this machine as its gateway."""
    address = [f"{OUTSIDE}1/64", "dev", BRIDGE]
    with openstack.connect(cloud="devcloud-admin") as admin:
        public = admin.network.find_network("public", ignore_missing=False)
        subnet = admin.network.create_subnet(
            name="public-ipv6", network_id=public.id, ip_version=6, cidr=f"{OUTSIDE}/64",
            gateway_ip=f"{OUTSIDE}1", is_dhcp_enabled=False,
        )  # fmt: skip
        try:
            ip("address", "replace", *address, "nodad")
            yield
        finally:
            subprocess.run(["ip", "-6", "address", "delete", *address], check=False)
            admin.network.delete_subnet(subnet)


@pytest.fixture(scope="module")
def url(account: Account, operator: Operator, name: str, outside: None) -> Iterator[str]:
    """The address of a stack by IPv6, whose network is led to its router."""
    operator.write(
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
        f'ipv6 = true\nipv6_cidr = "{INSIDE}/64"\n[monitor]\nenabled = false\n'
    )
    route: list[str] = []
    try:
        said = operator.run("up", "--yes")
        [router] = account.connection.network.routers(project_id=account.project_id)
        fixed = router.external_gateway_info["external_fixed_ips"]
        [gateway] = [each["ip_address"] for each in fixed if ":" in each["ip_address"]]
        route = [f"{INSIDE}/64", "via", gateway, "dev", BRIDGE]
        ip("route", "replace", *route)
        url = operator.json("status")["ipv6_url"]
        assert f"  IPv6    {url}/\n" in said
        yield url
    finally:
        if route:
            subprocess.run(["ip", "-6", "route", "delete", *route], check=False)
        operator.run("down", "--delete-data", "--yes")


async def test_a_browser_and_curl_open_it_by_ipv6(browser: Browser, url: str) -> None:
    said = subprocess.run(
        ["curl", "--ipv6", "--silent", "--max-time", "60", f"{url}/health"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(said.stdout)["status"] == "ok"
    page = await browser.new_page()
    try:
        answer = await page.goto(f"{url}/", timeout=120_000)
        assert answer
        assert answer.ok
        assert await page.title()
    finally:
        await page.close()


def test_status_asks_by_ipv6_and_says_what_is_wrong(operator: Operator, url: str) -> None:
    status = operator.json("status")
    assert (status["healthy"], status["ipv6_wrong"]) == (True, "")
    web = next(each for each in status["machines"] if each["role"] == "web")
    assert url == f"http://[{web['addresses'][-1]}]"
    assert f"By IPv6: {url}/" in operator.run("up", "--yes")


def test_nothing_else_answers_by_ipv6(operator: Operator, url: str) -> None:
    # Rules for IPv4 alone let operators in.
    for port in (22, 8000):
        refused = subprocess.run(
            ["curl", "--silent", "--max-time", "3", f"{url}:{port}/"], check=False
        )
        assert refused.returncode == 28


def test_a_visitor_registers_and_signs_in(url: str) -> None:
    user = {"username": "ada", "password": "a long and private sentence", "email": "a@example.org"}
    with httpx.Client(base_url=url, timeout=60) as client:
        made = until(lambda: client.post("/api/users", json=user), 120, every_s=1)
        assert made.status_code in (201, 409)
        del user["email"]
        assert client.post("/api/sessions", json=user).status_code == 201

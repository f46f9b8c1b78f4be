"""A stack with one guest that is opened by IPv6, as by a visitor outside of the cloud."""

import json
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from skytier.poll import until
from tests.project.trees import write

from .account import Account, Operator
from .external import IPV4, IPV6, external_network

pytestmark = pytest.mark.large
INSIDE = "fd5b:4:6:1::/64"
# An application that says who asks, and for what.
FILES = {
    "requirements.txt": "# Nothing but what serves it.\n",
    "shop.py": """\
import json

def application(environ, start_response):
    names = ("HTTP_HOST", "HTTP_X_FORWARDED_FOR")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([environ.get(name) for name in names]).encode()]
""",
}


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@pytest.fixture(scope="module")
def outside(account: Account) -> Iterator[Any]:
    """An external network, which this machine is on: it is the visitor, and the operator."""
    guard = ["unreachable", IPV4, "metric", "4000"]
    with external_network(account, with_dhcp=True) as network:
        bridge = f"brq{network.id[:11]}"
        ip("route", "replace", *guard)
        try:
            assert until(Path("/sys/class/net", bridge).exists, 120)
            for cidr in (IPV4, IPV6):
                first = ip_network(cidr)[1]
                ip("address", "add", f"{first}/{cidr.partition('/')[2]}", "dev", bridge)
            yield network
        finally:
            ip("route", "delete", *guard, check=False)


@pytest.fixture(scope="module")
def url(account: Account, operator: Operator, name: str, outside: Any) -> Iterator[str]:
    """The address of a stack by IPv6, whose network is led to its router."""
    write(operator.directory / "shop", FILES)
    operator.write(
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
        f'external_network = "{outside.name}"\nipv6 = true\nipv6_cidr = "{INSIDE}"\n'
        "[monitor]\nenabled = false\n"
        '[application]\nsource = "shop"\nserve = "shop:application"\ninterface = "wsgi"\n'
        "requires = []\n"
    )
    try:
        said = operator.run("up", "--yes")
        [router] = account.connection.network.routers(project_id=account.project_id)
        fixed = router.external_gateway_info["external_fixed_ips"]
        [gateway] = [each["ip_address"] for each in fixed if ":" in each["ip_address"]]
        # It goes with the bridge.
        ip("-6", "route", "replace", INSIDE, "via", gateway, "dev", f"brq{outside.id[:11]}")
        url = str(operator.json("status", code=None)["ipv6_url"])
        assert f"IPv6 {url}/ " in " ".join(said.split())
        yield url
    finally:
        operator.run("down", "--delete-data", "--yes")


async def test_curl_and_chromium_open_it_by_ipv6(url: str, browser: Browser) -> None:
    host = url.removeprefix("http://")
    words = ["curl", "--ipv6", "--silent", "--globoff", "--max-time", "60", f"{url}/"]
    said = subprocess.run(words, check=True, capture_output=True, text=True)
    assert json.loads(said.stdout) == [host, str(ip_network(IPV6)[1])]
    page = await browser.new_page()
    answer = await page.goto(f"{url}/", timeout=120_000)
    assert answer
    assert (await answer.json())[0] == host


def test_status_asks_by_ipv6_and_says_what_is_wrong(operator: Operator, url: str) -> None:
    status = operator.json("status")
    assert (status["healthy"], status["ipv6_wrong"]) == (True, "")
    web = next(each for each in status["machines"] if each["role"] == "web")
    assert url == f"http://[{web['addresses'][-1]}]"
    assert f"By IPv6: {url}/" in operator.run("up", "--yes")


def test_nothing_else_answers_by_ipv6(url: str) -> None:
    # Operators are let in by IPv4 alone.
    for port in (22, 8000):
        words = ["curl", "--silent", "--globoff", "--max-time", "3", f"{url}:{port}/"]
        assert subprocess.run(words, check=False).returncode == 28

"""A stack with one guest that is opened by IPv6, as by a visitor outside of the cloud: behind a
router, and on a provider network."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from skytier.poll import until
from tests.project.trees import write

from .account import Account, Operator
from .external import IPV4, IPV6, external_network, provider_network

pytestmark = pytest.mark.large
INSIDE = "fd5b:4:6:1::/64"
VISITOR = "visitor"
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


@pytest.fixture(scope="module", params=["router", "provider"])
def behind(request: pytest.FixtureRequest) -> str:
    """What the guest is behind: a router, or nothing, on a network of the provider."""
    return str(request.param)


@pytest.fixture(scope="module")
def outside(account: Account, behind: str) -> Iterator[Any]:
    """The network of visitors, which this machine is on: it is one, and the operator."""
    guard = ["unreachable", IPV4, "metric", "4000"]
    network_of = {"router": partial(external_network, with_dhcp=True), "provider": provider_network}
    with network_of[behind](account) as network, ExitStack() as until_the_end:
        bridge = f"brq{network.id[:11]}"
        ip("route", "replace", *guard)
        try:
            assert until(Path("/sys/class/net", bridge).exists, 120)
            until_the_end.enter_context(visits(bridge))
            if behind == "provider":
                until_the_end.enter_context(advertised())
            yield network
        finally:
            ip("route", "delete", *guard, check=False)


@contextmanager
def visits(bridge: str) -> Iterator[None]:
    """This machine on a network, by a device before its bridge.

    What the bridge itself sends is no traffic that goes through it, so no security group is asked.
    """
    ip("link", "add", VISITOR, "type", "veth", "peer", "name", f"{VISITOR}-b")
    try:
        ip("link", "set", f"{VISITOR}-b", "master", bridge, "up")
        ip("link", "set", VISITOR, "up")
        for cidr in (IPV4, IPV6):
            first = ip_network(cidr)[1]
            ip("address", "add", f"{first}/{cidr.partition('/')[2]}", "dev", VISITOR)
        yield
    finally:
        ip("link", "delete", VISITOR)


@contextmanager
def advertised() -> Iterator[None]:
    """The router of the provider, which tells machines of the IPv6 network that they are on."""
    prefix = IPV6.partition("/")[0]
    server = subprocess.Popen(
        ["dnsmasq", "--no-daemon", "--port=0", "--conf-file=/dev/null", "--bind-interfaces",
         f"--interface={VISITOR}", "--enable-ra", f"--dhcp-range={prefix},ra-only,64"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def url(
    account: Account, operator: Operator, name: str, behind: str, outside: Any
) -> Iterator[str]:
    """The address of a stack by IPv6. A network behind a router is led to that."""
    write(operator.directory / "shop", FILES)
    network = {
        "router": f'external_network = "{outside.name}"\nipv6_cidr = "{INSIDE}"\n',
        "provider": f'network = "{outside.name}"\npublic = "fixed"\n',
    }
    operator.write(
        f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
        f"{network[behind]}ipv6 = true\n"
        "[monitor]\nenabled = false\n"
        '[application]\nsource = "shop"\nserve = "shop:application"\ninterface = "wsgi"\n'
        "requires = []\n"
    )
    try:
        said = operator.run("up", "--yes")
        for router in account.connection.network.routers(project_id=account.project_id):
            fixed = router.external_gateway_info["external_fixed_ips"]
            [gateway] = [each["ip_address"] for each in fixed if ":" in each["ip_address"]]
            # It goes with the device.
            ip("-6", "route", "replace", INSIDE, "via", gateway, "dev", VISITOR)
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

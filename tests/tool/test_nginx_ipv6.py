"""Nginx where visitors come by IPv6, too: at both, and with limits for networks of 64 bits."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import httpx
import pytest

from skytier.services.nginx.config import Balancers, Health, NginxConfig, nginx_conf
from tests.nginx import USER, Nginx
from tests.skytier_command import free_port

MANY = 60
"""Requests, of which a limit of one a second takes the first few."""
IPV6 = int(IPv6Address("2001:db8:9::7"))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of an Nginx before no application, which believes this machine who comes."""
    home, port = tmp_path_factory.mktemp("nginx"), free_port()
    (home / "nginx").mkdir()
    config = NginxConfig(
        listen=[f"127.0.0.1:{port}", f"[::1]:{port}"],
        upstreams=[f"unix:{home}/none.sock"],
        static=home,
        run=home,
        logs=home,
        user=USER,
        ipv6=True,
        requests_per_s=1,
        requests_burst=4,
        balancers=Balancers([], ["127.0.0.1"], Health("/.skytier/health", "/", "localhost", [])),
    )
    Path(home, "nginx.conf").write_text(nginx_conf(config))
    with Nginx(home, port):
        yield port


def refused(port: int, addresses: list[str]) -> int:
    """How many of the requests from these addresses are too many, one of each."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        said = [client.get("/", headers={"X-Forwarded-For": each}) for each in addresses]
    assert {answer.status_code for answer in said} <= {429, 502}
    return [answer.status_code for answer in said].count(429)


def test_all_addresses_of_a_network_of_64_bits_have_one_limit(port: int) -> None:
    # Bytes that end lines and texts are among those of an address.
    for network in ("2001:db8:a00:a0a::", "2001:db8:1:2::"):
        first = int(IPv6Address(network))
        assert refused(port, [str(IPv6Address(first + each)) for each in range(MANY)])


OTHERS = {
    "other networks": [str(IPv6Address(IPV6 + each * 2**64)) for each in range(MANY)],
    "IPv4": [str(IPv4Address("192.0.2.1") + each) for each in range(MANY)],
    "this machine": ["::1"] * MANY,
}


@pytest.mark.parametrize("addresses", OTHERS.values(), ids=list(OTHERS))
def test_others_are_not_counted_with_them(port: int, addresses: list[str]) -> None:
    assert refused(port, addresses) == 0


def test_it_answers_by_ipv6(port: int) -> None:
    answer = httpx.get(f"http://[::1]:{port}/", trust_env=False)
    assert (answer.status_code, answer.headers["Server"]) == (502, "nginx")

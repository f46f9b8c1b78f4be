"""A visitor who is signed in stays so, whichever web server is drained."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from skytier.openstack.machines import balancer as gate
from skytier.services.nginx.service import DRAIN
from tests.cluster.asked import silent
from tests.cluster.cluster import Cluster, cluster
from tests.cluster.container import Base
from tests.cluster.signing_in import VISITORS, asked

STACK = """\
web.count = 2
monitor.enabled = false
"""
NAMES = ("shop-web-1", "shop-web-2")


@pytest.fixture(scope="module")
def made(base: Base) -> Iterator[Cluster]:
    """Two web servers behind HAProxy, with the sample and its database."""
    with cluster(STACK, floats=True, base=base) as made:
        yield made


def test_a_visitor_stays_signed_in_while_any_web_server_is_drained(made: Cluster) -> None:
    balancer, address = made.containers["shop-balancer-1"], made.public_address
    visitors = made.network.start(
        *(sys.executable, "-c", VISITORS, address, address), stdin=subprocess.PIPE
    )
    assert visitors.stdout
    assert visitors.stdout.readline() == "ready\n"
    asked(visitors, 8)
    # Wherever they signed in and asked first: that one is drained, too.
    for name in NAMES:
        machine = made.containers[name]
        machine.run(DRAIN)
        view = gate.asked(balancer) or {}
        assert view[name].is_drained
        asked(visitors, 8)
        machine.run(f"{DRAIN} --end")
        gate.wait_until_back(balancer, machine, silent, put_back=True)
        asked(visitors, 8)
    said = json.loads(visitors.communicate(timeout=300)[0])
    assert said["failed"] == []

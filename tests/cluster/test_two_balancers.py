"""Two balancers share one address, and one after the other is lost, while visitors come."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.openstack.machines import balancer as gate
from skytier.poll import until
from skytier.services.keepalived.service import has_address
from skytier.services.nginx.service import DRAIN
from tests import authority
from tests.cluster.balanced import PROJECT, Visit, stack, visitors
from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import Base, Container
from tests.project.trees import write_dedented

DOMAIN = "shop.example.org"
TWO = "balancer.count = 2"
SAID = "cat /var/lib/skytier/certificate.said /var/log/letsencrypt/letsencrypt.log"
NAMES = ("shop-balancer-1", "shop-balancer-2")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("shared"), PROJECT)


@pytest.fixture(scope="module")
def made(project: Path, base: Base) -> Iterator[Cluster]:
    with cluster(stack(project, 2, TWO), floats=True, base=base) as made:
        yield made


def balancers(made: Cluster) -> list[Container]:
    return [made.containers[name] for name in NAMES if name in made.containers]


def holders(made: Cluster) -> list[str]:
    """The balancers that have the address."""
    ask = has_address(made.public_address)
    running = [each for each in balancers(made) if each.process]
    return [each.name for each in running if each.run(ask).strip()]


def roles_of(made: Cluster) -> tuple[Container, Container]:
    """The balancer that has the address, and the one that stands by."""
    assert until(lambda: len(holders(made)) == 1, 60)
    [name] = holders(made)
    has, other = sorted(balancers(made), key=lambda each: each.name != name)
    return has, other


def takes_over(made: Cluster, machine: Container) -> float:
    """Wait until a balancer alone has the address. Returns when that was seen."""
    assert until(lambda: holders(made) == [machine.name], 60)
    return time.time()


def failed_after(visit: Visit, moment: float) -> list[object]:
    """Requests that began after a moment and were not answered."""
    return [each for each in visit.failed if each[0] > moment]


def test_one_of_two_has_the_address_and_all_is_well(made: Cluster) -> None:
    has, other = roles_of(made)
    assert made.wrong() == {}
    assert changed(made.plan()) == []
    checks = {each.name: each for each in made.resolved.setup("balancer", 1, made.known()).checks}
    assert has.ask(checks["address"]) == (0, f"has the address {made.public_address}")
    assert other.ask(checks["address"]) == (0, "stands by")
    for each in (has, other):
        view = gate.asked(each) or {}
        assert {name for name, seen in view.items() if seen.serves} == {"shop-web-1", "shop-web-2"}


def test_a_change_of_both_fails_no_request(made: Cluster, project: Path) -> None:
    has, _ = roles_of(made)
    with visitors(made) as visit:
        made.write(stack(project, 3, TWO))
        made.up()
        assert until(
            lambda: all((gate.asked(each) or {})["shop-web-3"].serves for each in balancers(made)),
            120,
        )
    assert visit.failed == []
    assert holders(made) == [has.name]
    assert changed(made.plan()) == []


def test_a_drained_web_server_gets_nothing_from_either(made: Cluster) -> None:
    web = made.containers["shop-web-3"]
    web.run(DRAIN)
    assert all((gate.asked(each) or {})[web.name].is_drained for each in balancers(made))
    web.run(f"{DRAIN} --end")
    assert until(
        lambda: all((gate.asked(each) or {})[web.name].serves for each in balancers(made)), 60
    )


def test_a_balancer_whose_haproxy_is_dead_gives_the_address_away(made: Cluster) -> None:
    has, other = roles_of(made)
    with visitors(made) as visit:
        has.run("systemctl stop haproxy")
        moved = takes_over(made, other)
        time.sleep(3)
    assert failed_after(visit, moved) == []
    assert visit.answers
    assert f"{has.name} haproxy" in made.wrong()
    with visitors(made) as visit:
        has.run("systemctl start haproxy")
        assert until(lambda: made.wrong() == {}, 120)
    # It stands by, and does not take the address back.
    assert visit.failed == []
    assert holders(made) == [other.name]


def test_a_killed_keepalived_leaves_the_address_at_one_of_them(made: Cluster) -> None:
    has, _ = roles_of(made)
    has.run("kill -KILL $(pgrep -x keepalived)")
    assert until(lambda: len(holders(made)) == 1 and made.wrong() == {}, 120)


def test_a_lost_balancer_is_outlived_and_made_again(made: Cluster) -> None:
    has, other = roles_of(made)
    with visitors(made) as visit:
        has.kill()
        moved = takes_over(made, other)
        time.sleep(3)
    assert failed_after(visit, moved) == []
    assert visit.answers
    made.servers.lose(has.name)
    with visitors(made) as visit:
        made.up()
    assert visit.failed == []
    assert holders(made) == [other.name]
    assert made.wrong() == {}
    assert changed(made.plan()) == []


def certificate(machine: Container) -> str:
    """Who issued the certificate that a balancer serves, and its number."""
    return machine.run("openssl x509 -noout -issuer -serial -in /etc/skytier/tls/certificate")


def test_each_has_a_certificate_whichever_the_authority_meets(made: Cluster, project: Path) -> None:
    web = made.containers["shop-web-1"]
    crt = authority.install(web, web.address)
    for each in (web, *balancers(made)):
        authority.trust(each, crt)
        each.run(f"echo '{made.public_address} {DOMAIN}' >>/etc/hosts")
    authority.start(web, web.address)
    acme = authority.keys(DOMAIN, web.address)
    made.write(stack(project, 3, f"{TWO}\n{acme}"))
    made.up()
    has, other = roles_of(made)
    assert "Pebble Intermediate CA" in certificate(has), has.run(SAID)
    # It has not the address, and the authority comes to the one that has. At first it asks as its
    # timer does, a minute later.
    other.run("/usr/local/lib/skytier/certificate")
    first = certificate(other)
    assert "Pebble Intermediate CA" in first
    other.run("certbot renew --quiet --force-renewal --no-random-sleep-on-renew")
    assert "Pebble Intermediate CA" in certificate(other)
    assert certificate(other) not in (first, certificate(has))
    assert made.wrong() == {}
    assert changed(made.plan()) == []

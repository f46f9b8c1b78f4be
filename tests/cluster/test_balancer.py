"""One web server becomes three behind a balancer and one again, while visitors come."""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.machines import balancer as gate
from skytier.openstack.machines import load_balancer_view
from skytier.poll import until
from skytier.services.haproxy.service import SOCKET
from skytier.services.nginx.service import DRAIN
from tests import authority
from tests.cluster.asked import silent
from tests.cluster.balanced import PROJECT, Visit, stack, visitors
from tests.cluster.cluster import Cluster, Events, changed, cluster
from tests.cluster.container import Base, Container
from tests.project.trees import write_dedented

DOMAIN = "shop.example.org"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("balanced"), PROJECT)


@pytest.fixture(scope="module")
def made(project: Path, base: Base) -> Iterator[Cluster]:
    """One web server without a balancer."""
    with cluster(stack(project, 1), floats=True, base=base) as made:
        yield made


class Moves(Events):
    """When the floating IP moved."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def started(self, step: Step) -> None:
        super().started(step)
        self._note(step)

    def told(self, step: Step, text: str) -> None:
        """What is waited for before it moves."""
        super().told(step, text)
        if self._is_of_visitors(step):
            self.times[-1] = time.time()

    def done(self, step: Step, seconds: float) -> None:
        super().done(step, seconds)
        self._note(step)

    def _note(self, step: Step) -> None:
        if self._is_of_visitors(step):
            self.times.append(time.time())

    def _is_of_visitors(self, step: Step) -> bool:
        return step.key.kind == "floating IP" and not step.key.name.endswith("-ssh")


def but_for_the_move(visit: Visit, moves: Moves) -> list[list[Any]]:
    """Requests that failed although they were not under way while the address moved."""
    began, ended = moves.times
    return [each for each in visit.failed if not (each[0] < ended and each[1] > began)]


def asked(made: Cluster, path: str = "/", **headers: str) -> Any:
    """One request of a visitor."""
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    with made.network.start("curl", "-skS", *words, url(made, path)) as curl:
        return json.loads(curl.communicate(timeout=300)[0])


def url(made: Cluster, path: str) -> str:
    scheme = "http" if made.resolved.stack.tls == "off" else "https"
    return f"{scheme}://{made.public_address}{path}"


def balancer(made: Cluster) -> Container:
    return made.containers["shop-balancer-1"]


def rows(made: Cluster) -> dict[str, list[str]]:
    """Web server to what the balancer's statistics have of it."""
    ask = f"""python3 -c '
import socket
asked = socket.socket(socket.AF_UNIX)
asked.connect("{SOCKET}")
asked.sendall(b"show stat web 4 -1\\n")
print(b"".join(iter(lambda: asked.recv(65536), b"")).decode())
'"""
    found = [line.split(",") for line in balancer(made).run(ask).splitlines() if "shop-" in line]
    return {row[1]: row for row in found}


def states(made: Cluster) -> dict[str, str]:
    """Web server to what the balancer makes of it: UP, NOLB, DOWN."""
    return {name: row[17].split()[0] for name, row in rows(made).items()}


def chosen(made: Cluster) -> Counter[str]:
    """Web server to how often the balancer has chosen it for a request."""
    return Counter({name: int(row[30]) for name, row in rows(made).items()})


def visited(made: Cluster, *names: str) -> None:
    """Wait until each of these web servers was chosen again, more than once."""
    before = chosen(made)
    assert until(lambda: min((chosen(made) - before)[each] for each in names) > 2, 120)


def test_a_balancer_comes_with_the_second_web_server(
    made: Cluster, project: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    moves = Moves()
    with visitors(made) as visit:
        made.write(stack(project, 3))
        step = next(each for each in made.plan() if each.key.kind == "floating IP")
        assert (step.action, step.key.name) == (Action.CHANGE, "shop-balancer-1")
        made.up(moves)
        assert until(lambda: set(states(made).values()) == {"UP"}, 120)
        visited(made, "shop-web-1", "shop-web-2", "shop-web-3")

    record_testsuite_property("visitors while the address moves to a balancer", str(visit))
    assert but_for_the_move(visit, moves) == []
    assert visit.answers.keys() == {"shop-web-1", "shop-web-2", "shop-web-3"}
    assert made.wrong() == {}
    assert changed(made.plan()) == []


def test_only_the_balancer_is_believed_who_a_visitor_is(made: Cluster) -> None:
    own = asked(made, **{"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"})
    assert own["client"] not in (None, "192.0.2.1", balancer(made).address)
    assert own["scheme"] == "http"
    web = made.containers["shop-web-1"].address
    ask = f"http://{web}:8080/"
    with made.network.start("curl", "-sS", "-H", "X-Forwarded-For: 192.0.2.1", ask) as curl:
        assert json.loads(curl.communicate(timeout=300)[0])["client"] == own["client"]
    for path in ("/.skytier/health", "/.skytier/../.skytier/health", "/%2eskytier/health"):
        with made.network.start(
            "curl", "-sS", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", url(made, path)
        ) as curl:
            assert curl.communicate(timeout=300)[0] == "404"


def test_a_drained_web_server_gets_nothing_new_and_ends_what_it_is_at(made: Cluster) -> None:
    slow: list[Any] = []
    threads = [threading.Thread(target=lambda: slow.append(asked(made, "/slow"))) for _ in range(6)]
    before = chosen(made)
    for each in threads:
        each.start()
    # Each has its web server before one of these is drained.
    assert until(lambda: (chosen(made) - before).total() >= len(threads), 60)
    with visitors(made) as visit:
        made.containers["shop-web-2"].run(DRAIN)
        for each in threads:
            each.join()
        view = gate.asked(balancer(made)) or {}
        assert view["shop-web-2"].is_drained
        assert view["shop-web-2"].address == f"{made.containers['shop-web-2'].address}:8080"
        assert [name for name, each in view.items() if each.serves] == ["shop-web-1", "shop-web-3"]
    assert visit.failed == []
    assert len(slow) == 6
    assert {each["host"] for each in slow} == {"shop-web-1", "shop-web-2", "shop-web-3"}
    with visitors(made) as visit:
        visited(made, "shop-web-1", "shop-web-3")
    assert visit.failed == []
    assert visit.answers.keys() == {"shop-web-1", "shop-web-3"}
    said = {name: text for name, text in made.wrong().items() if "drained" in text}
    assert said == {}
    made.containers["shop-web-2"].run(f"{DRAIN} --end")
    gate.wait_until_back(balancer(made), made.containers["shop-web-2"], silent)
    assert states(made)["shop-web-2"] == "UP"


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_new_process_of_the_balancer_still_knows_which_web_servers_are_out(
    made: Cluster, project: Path, how: str
) -> None:
    made.write(stack(project, 3))
    made.up()
    drained, broken = made.containers["shop-web-2"], made.containers["shop-web-3"]
    drained.run(f"{DRAIN} && systemctl stop skytier-app.socket skytier-app")
    broken.run("systemctl stop skytier-app.socket skytier-app")
    out = {"shop-web-1": "UP", drained.name: "NOLB", broken.name: "DOWN"}
    assert until(lambda: states(made) == out, 120)
    with visitors(made) as visit:
        for _ in range(4):
            balancer(made).run(f"systemctl {how} haproxy")
            time.sleep(2)  # as long as its first checks take
    # Between two processes nobody listens: that is no answer of a web server that is out.
    assert [each for each in visit.failed if "HTTP Error" in each[2]] == []
    assert how == "restart" or visit.failed == []
    assert visit.answers.keys() == {"shop-web-1"}
    assert states(made) == out
    for each in (drained, broken):
        each.run(f"systemctl start skytier-app.socket skytier-app && {DRAIN} --end")
        gate.wait_until_back(balancer(made), each, silent, put_back=True)


def test_the_last_one_that_gets_requests_is_not_taken_out(made: Cluster) -> None:
    first, *others = (made.containers[f"shop-web-{number}"] for number in (1, 2, 3))
    gate.wait_for_another(balancer(made), first.name, silent, made.containers.__getitem__)
    for each in others:
        each.run(DRAIN)
    with pytest.raises(SkytierError, match="shop-web-2 is drained, shop-web-3 is drained"):
        gate.wait_for_another(balancer(made), first.name, silent, made.containers.__getitem__)
    for each in others:
        each.run(f"{DRAIN} --end")
        gate.wait_until_back(balancer(made), each, silent, put_back=True)
    gate.wait_for_another(balancer(made), first.name, silent, made.containers.__getitem__)
    balancer(made).run("systemctl stop haproxy")
    assert gate.asked(balancer(made)) is None
    balancer(made).run("systemctl start haproxy")
    assert until(lambda: set(states(made).values()) == {"UP"}, 120)


def test_a_killed_process_and_a_machine_that_falls_silent_fail_no_get(made: Cluster) -> None:
    machine = made.containers["shop-web-3"]
    with visitors(made) as visit:
        time.sleep(1)
        machine.run("kill -KILL $(pgrep -x nginx)")
        time.sleep(3)
    lost_by_post = len(visit.failed)
    # What a killed process had taken and not answered is repeated where that is safe; POST is not.
    assert lost_by_post <= 2
    assert until(lambda: states(made)["shop-web-3"] == "UP", 120)
    link = ("ip", "-netns", machine.namespace, "link", "set", "eth0")
    with visitors(made) as visit:
        time.sleep(1)
        subprocess.run([*link, "down"], check=True)
        assert until(lambda: states(made)["shop-web-3"] == "DOWN", 120)
        time.sleep(5)
        subprocess.run([*link, "up"], check=True)
        assert until(lambda: states(made)["shop-web-3"] == "UP", 120)
    assert len(visit.failed) <= 2


def test_a_machine_that_shuts_down_fails_no_request(made: Cluster) -> None:
    machine = made.containers["shop-web-3"]
    with visitors(made) as visit:
        visited(made, machine.name)
        # At once, in the order in which systemd stops all that runs.
        machine.run("systemctl stop skytier-app nginx")
        assert until(lambda: states(made)["shop-web-3"] == "DOWN", 120)
        machine.run("systemctl start skytier-app nginx")
        assert until(lambda: states(made)["shop-web-3"] == "UP", 120)
    assert visit.failed == []


def test_a_web_server_is_drained_before_it_goes(made: Cluster, project: Path) -> None:
    with visitors(made) as visit:
        made.write(stack(project, 2))
        made.up()
    assert visit.failed == []
    assert made.containers.keys() == {"shop-balancer-1", "shop-web-1", "shop-web-2"}
    assert changed(made.plan()) == []


def test_https_ends_at_the_balancer(made: Cluster, project: Path) -> None:
    made.write(stack(project, 2, 'tls = "self-signed"'))
    made.up()
    assert asked(made)["scheme"] == "https"
    with made.network.start(
        *("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"),
        f"http://{made.public_address}/a?b=c",
    ) as curl:
        assert curl.communicate(timeout=300)[0] == f"308 https://{made.public_address}/a?b=c"
    with made.network.start("curl", "-skSI", "--http2", url(made, "/")) as curl:
        head = curl.communicate(timeout=300)[0].lower()
    assert head.startswith("http/2 200")
    assert head.count("strict-transport-security: max-age=86400") == 1
    assert made.wrong() == {}
    assert changed(made.plan()) == []


def test_the_balancer_goes_with_the_second_web_server(
    made: Cluster, project: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    moves = Moves()
    with visitors(made, "https") as visit:
        made.write(stack(project, 1, 'tls = "self-signed"'))
        made.up(moves)
    record_testsuite_property("visitors while the address moves back", str(visit))
    assert but_for_the_move(visit, moves) == []
    assert made.containers.keys() == {"shop-web-1"}
    assert made.wrong() == {}
    assert changed(made.plan()) == []


def test_a_load_balancer_of_the_cloud_takes_over_and_drains_and_gives_way_to_haproxy(
    made: Cluster, project: Path
) -> None:
    tls = 'tls = "self-signed"'
    made.write(stack(project, 1, tls))
    made.up()
    with visitors(made, "https") as visit:
        made.write(stack(project, 2, f'{tls}\nbalancer.kind = "octavia"'))
        made.up(moves := Moves())
        assert until(lambda: list(made.amphorae.seen().values()) == [True, True], 120)
    assert but_for_the_move(visit, moves) == []
    assert made.containers.keys() == {"shop-web-1", "shop-web-2"}
    assert made.wrong() == {}
    assert changed(made.plan()) == []
    # The visitor, and not the load balancer.
    visitor = str(ip_network(made.network.cidr)[1])
    told = asked(made, **{"X-Forwarded-For": "192.0.2.1"})
    assert (told["client"], told["scheme"]) == (visitor, "https")

    [passing] = load_balancer_view.of(made.octavia, made.known())
    with visitors(made, "https") as visit:
        made.containers["shop-web-2"].run(DRAIN)
        assert made.amphorae.seen() == {"shop-web-1": True, "shop-web-2": False}
    assert visit.failed == []
    with visitors(made, "https") as visit:
        assert asked(made)["host"] == "shop-web-1"
    assert visit.answers.keys() <= {"shop-web-1"}
    with patch.object(gate, "WITHIN_S", 0.0), pytest.raises(SkytierError, match="shop-web-2 is"):
        gate.wait_for_another(passing, "shop-web-1", silent, made.containers.__getitem__)
    made.containers["shop-web-2"].run(f"{DRAIN} --end")
    gate.wait_until_back(passing, made.containers["shop-web-2"], silent, put_back=True)

    with visitors(made, "https") as visit:
        made.write(stack(project, 2, tls))
        made.up(moves := Moves())
    assert but_for_the_move(visit, moves) == []
    assert made.amphorae.process is None
    assert made.containers.keys() == {"shop-balancer-1", "shop-web-1", "shop-web-2"}
    assert made.wrong() == {}
    made.write(stack(project, 1, tls))
    made.up()
    assert changed(made.plan()) == []


def serial(made: Cluster) -> str:
    """The number of the certificate that visitors get, with its issuer."""
    script = (
        f"openssl s_client -connect {made.public_address}:443 -servername {DOMAIN} </dev/null "
        "2>/dev/null | openssl x509 -noout -issuer -serial"
    )
    with made.network.start("bash", "-c", script) as openssl:
        return openssl.communicate(timeout=300)[0]


def test_the_certificate_of_an_authority_goes_where_the_address_goes(
    made: Cluster, project: Path
) -> None:
    web = made.containers["shop-web-1"]
    crt = authority.install(web, web.address)
    authority.trust(web, crt)
    web.run(f"echo '{made.public_address} {DOMAIN}' >>/etc/hosts")
    authority.start(web, web.address)
    acme = authority.keys(DOMAIN, web.address)
    made.write(stack(project, 1, acme))
    made.up()
    first = serial(made)
    assert "Pebble Intermediate CA" in first

    with visitors(made, "https") as visit:
        made.write(stack(project, 2, acme))
        made.up(moves := Moves())
        # Visitors never met another one: no authority was asked in between.
        assert serial(made) == first
    assert but_for_the_move(visit, moves) == []
    assert made.wrong() == {}
    for name in ("shop-web-2", "shop-balancer-1"):
        made.containers[name].run("[ ! -e /var/lib/skytier/certificate.asked ]")
    authority.trust(balancer(made), crt)
    balancer(made).run("certbot renew --quiet --force-renewal --no-random-sleep-on-renew")
    assert until(lambda: serial(made) != first, 120)
    renewed = serial(made)
    assert "Pebble Intermediate CA" in renewed

    made.write(stack(project, 1, acme))
    made.up()
    assert serial(made) == renewed
    web.run("certbot renew --quiet --force-renewal --no-random-sleep-on-renew")
    assert until(lambda: serial(made) != renewed, 120)
    assert changed(made.plan()) == []

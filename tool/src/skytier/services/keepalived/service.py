"""keepalived on two balancers, which share one virtual address by VRRP."""

from collections.abc import Sequence

from skytier.render import render
from skytier.services.exporters.service import TEXTFILES
from skytier.services.haproxy.service import ANSWER, HTTP
from skytier.services.nginx.service import HEALTH
from skytier.services.service import ETC, UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.stackfile import StackFile
from skytier.topology import VRRP, Endpoint, Exposure, Need

PACKAGE = "skytier.services.keepalived"
CONFIG = f"{ETC}/keepalived.conf"
INTERFACE = "/run/skytier-keepalived-interface.conf"
"""Which network interface has the machine's address, found when keepalived starts."""
CHECK = "address"
"""The check that says which balancer has the address."""
_LIB = "/usr/local/lib/skytier"
BALANCERS = Need("keepalived")


class Keepalived(Service):
    """One balancer has the address, and the other takes it over."""

    name = "keepalived"
    units = ("keepalived",)

    def enabled(self, stack: StackFile) -> bool:
        """If there are two balancers."""
        return stack.shares_address

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The other balancer."""
        return [BALANCERS]

    def packages(self, at: Placement) -> Sequence[str]:
        """keepalived."""
        return ["keepalived"]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """VRRP, for the other balancer alone."""
        return [Endpoint("keepalived", VRRP, Exposure.CONSUMERS)]

    def setup(self, at: Placement) -> Setup:
        """Its configuration, with what asks HAProxy and what tells the monitor."""
        watched = at.topology.monitor is not None
        values = {**_values(at), "watched": watched}
        programs = ["balancer-answers", "balancer-interface"]
        programs += ["balancer-address"] if watched else []
        return Setup(
            files=[
                File(CONFIG, render(PACKAGE, "keepalived.conf", **values)),
                File(
                    f"{UNITS}/keepalived.service.d/skytier.conf",
                    render(PACKAGE, "keepalived.service.conf", **values),
                ),
                *(
                    File(f"{_LIB}/{name}", render(PACKAGE, f"{name}.sh", **values), 0o755)
                    for name in programs
                ),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[check(PACKAGE, CHECK, values)],
        )

    def removal(self, at: Placement) -> Setup:
        """It gives the address away, if Skytier once set it up."""
        return Setup(script=render(PACKAGE, "removal.sh", **_values(at)))


def has_address(address: str) -> str:
    """A script that prints `yes` on the machine that has a private address."""
    return f"[ -z \"$(ip -o address show to '{address}/32')\" ] || echo yes"


def hand_over(address: str) -> str:
    """A script for a balancer: the other one takes their address, and answers there."""
    return render(PACKAGE, "hand-over.sh", virtual=address, port=HTTP)


def _values(at: Placement) -> dict[str, object]:
    """What the templates know."""
    running = at.topology.running(BALANCERS.service)
    return {
        "config": CONFIG,
        "lib": _LIB,
        "textfiles": TEXTFILES,
        "name": at.machine.name,
        "address": at.machine.address,
        "virtual": at.topology.virtual_address,
        "others": [each.address for each in running if each.name != at.machine.name],
        "priority": 101 - at.machine.number,
        "port": HTTP,
        "path": HEALTH,
        "answer": ANSWER,
        "interface": INTERFACE,
    }


KEEPALIVED = Keepalived()

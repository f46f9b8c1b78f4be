"""etcd on the machines that vote: the database members, and with two of them one machine more."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Authority, Secret
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Need, Topology

PACKAGE = "skytier.services.etcd"
ETC = "/etc/skytier/etcd"
CLIENTS, PEERS, METRICS = 2379, 2380, 2381
DATA = "/var/lib/etcd/skytier"
AUTHORITY = Authority("etcd_ca")
"""Signs the certificates of the voters and of their clients, which each machine makes itself."""
LEAVE = "/usr/local/lib/skytier/etcd-leave"
VOTERS = 3


class Etcd(Service):
    """A voter. The members of the database agree by it which of them is the primary."""

    name = "etcd"
    units = ("etcd",)

    def __init__(self, members: Sequence[int]) -> None:
        """`members` are the numbers of database members with which it is there."""
        self._members = members

    def enabled(self, stack: StackFile) -> bool:
        """If the database has several members."""
        return stack.has_database and stack.database.members in self._members

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The other voters."""
        return [Need("etcd")]

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The authority of its certificates."""
        return [AUTHORITY]

    def packages(self, at: Placement) -> Sequence[str]:
        """The distribution's."""
        return ["etcd-server", "etcd-client", "openssl"]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """For clients, for the other voters, and its metrics."""
        return [
            Endpoint("etcd-clients", CLIENTS, Exposure.CONSUMERS),
            Endpoint("etcd-peers", PEERS, Exposure.CONSUMERS),
            Endpoint("etcd", METRICS, Exposure.MONITOR),
        ]

    def setup(self, at: Placement) -> Setup:
        """A voter that founds the cluster, or that joins the one that is there."""
        voters = at.needed(Need("etcd"))
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "authority": AUTHORITY,
            "data": DATA,
            "name": at.machine.name,
            "address": at.machine.address,
            "clients": CLIENTS,
            "peers": PEERS,
            "metrics": METRICS,
            "others": [voter for voter in voters if voter.name != at.machine.name],
            "voters": voters,
            "leave": LEAVE,
        }
        texts = {
            f"{ETC}/etcd.env": "etcd.env",
            f"{UNITS}/etcd.service.d/skytier.conf": "etcd.service.conf",
        }
        return Setup(
            files=[
                *(File(path, render(PACKAGE, name, **values)) for path, name in texts.items()),
                File(LEAVE, render(PACKAGE, "leave.sh", **values), 0o700),
                File(f"{REMOVALS}/50-etcd", render(PACKAGE, "removal.sh", **values), 0o700),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[check(PACKAGE, "etcd", values, with_others=True)],
            secrets=AUTHORITY.names,
        )


ETCD = Etcd(members=(2, 3))
WITNESS = Etcd(members=(2,))

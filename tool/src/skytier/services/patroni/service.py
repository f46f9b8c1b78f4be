"""Patroni on the database machines, where there are several."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret
from skytier.services.etcd import service as etcd
from skytier.services.patroni import secrets
from skytier.services.patroni.dynamic import dynamic
from skytier.services.pgbackrest.config import HELD
from skytier.services.postgresql import service as postgresql
from skytier.services.postgresql.config import LEAVE, REPLICATION, REWIND
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, ByHand, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Need, Topology

PACKAGE = "skytier.services.patroni"
ETC = "/etc/skytier/patroni"
CONFIG = f"{ETC}/patroni.yml"
HOME = "/opt/skytier-patroni"
MEMBERS = f"{ETC}/members"
"""The addresses of all members, with commas between them."""
PORT = 8008
UNIT = "skytier-patroni"
FENCE = "/usr/local/lib/skytier/patroni-fence"
SYSCTL = "/etc/sysctl.d/61-skytier-patroni.conf"
PAUSED = "Patroni is paused: no other member takes over when the primary fails"
"""How its check begins then."""
RESUME = (
    "A restore resumes it at its end: skytier status says whether one goes on, or was interrupted. "
    f"Otherwise: skytier exec {{machine}} '{HOME}/bin/patronictl -c {CONFIG} resume'"
)
"""What to do about it, on any `machine` of the database."""


class Patroni(Service):
    """It runs PostgreSQL, which lives no longer than it."""

    name = "patroni"
    units = (UNIT,)

    def enabled(self, stack: StackFile) -> bool:
        """If the database has several members."""
        return stack.has_database and stack.database.members > 1

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The other members, and what they agree by."""
        return [Need("postgresql"), Need("patroni"), Need("etcd")]

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The passwords of the members among each other, and what signs their certificates."""
        return secrets.ALL

    def packages(self, at: Placement) -> Sequence[str]:
        """The Python libraries that it needs. Patroni itself comes from the index of packages."""
        names = ("venv", "etcd", "psycopg2", "yaml", "dateutil", "prettytable", "psutil", "click")
        return [*(f"python3-{name}" for name in (*names, "urllib3", "cdiff")), "openssl"]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """Its API, which says who is the primary."""
        return [
            Endpoint("patroni-api", PORT, Exposure.CONSUMERS),
            Endpoint("patroni", PORT, Exposure.MONITOR),
        ]

    def setup(self, at: Placement) -> Setup:
        """A member that brings its data along if it founds the database, else clones it."""
        machine = at.machine
        members = at.needed(Need("patroni"))
        values = {
            "etc": ETC,
            "config": CONFIG,
            "home": HOME,
            "secrets": SECRETS,
            "names": secrets,
            "etcd": etcd.ETC,
            "clients": etcd.CLIENTS,
            "etcd_authority": etcd.AUTHORITY,
            "voters": at.needed(Need("etcd")),
            "postgresql": postgresql.ETC,
            "replication": REPLICATION,
            "rewind": REWIND,
            "scope": at.stack.name,
            "name": machine.name,
            "address": machine.address,
            "port": PORT,
            "unit": UNIT,
            "volume": machine.volume,
            "leave": LEAVE,
            "fence": FENCE,
            "sysctl": SYSCTL,
            "members": members,
            "synchronous": at.stack.database.synchronous,
            "paused": PAUSED,
            "held": HELD if at.stack.has_backups else "",
        }
        texts = {
            f"{UNITS}/{UNIT}.service": "patroni.service",
            f"{ETC}/patroni.txt": "patroni.txt",
            f"{ETC}/members.sql": "members.sql",
            SYSCTL: "sysctl.conf",
        }
        return Setup(
            files=[
                *(File(path, render(PACKAGE, name, **values)) for path, name in texts.items()),
                File(f"{ETC}/dynamic.json", dynamic(at)),
                File(MEMBERS, ",".join(each.address for each in members) + "\n"),
                File(FENCE, render(PACKAGE, "fence.sh", **values), 0o755),
                File(LEAVE, render(PACKAGE, "leave.sh", **values), 0o700),
                File(f"{REMOVALS}/10-patroni", render(PACKAGE, "removal.sh", **values), 0o700),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[
                check(
                    *(PACKAGE, "patroni", values),
                    with_others=True,
                    by_hand=ByHand(PAUSED, RESUME.format(machine=machine.name)),
                )
            ],
            secrets=(*secrets.NAMES, *etcd.AUTHORITY.names),
        )


PATRONI = Patroni()

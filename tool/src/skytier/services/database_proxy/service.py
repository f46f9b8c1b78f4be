"""HAProxy on each web server: the way to the primary and to the replicas of the database."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.services.patroni import service as patroni
from skytier.services.patroni.dynamic import REPLICAS_LAG
from skytier.services.patroni.secrets import AUTHORITY
from skytier.services.postgresql.config import LOOPBACK, PRIMARY_PORT, REPLICAS_PORT
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Need

PACKAGE = "skytier.services.database_proxy"
ETC = "/etc/skytier/database-proxy"
UNIT = "skytier-database-proxy"


class DatabaseProxy(Service):
    """It asks each member's Patroni what the member is, and leads connections there."""

    name = "database-proxy"
    units = (UNIT,)

    def enabled(self, stack: StackFile) -> bool:
        """If the database has several members."""
        return patroni.PATRONI.enabled(stack)

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The members."""
        return [Need("postgresql"), Need("patroni")]

    def packages(self, at: Placement) -> Sequence[str]:
        """HAProxy."""
        return ["haproxy"]

    def setup(self, at: Placement) -> Setup:
        """Its own unit with its own configuration, apart from a balancer's."""
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "authority": AUTHORITY.certificate,
            "unit": UNIT,
            "members": at.needed(Need("patroni")),
            "api_port": patroni.PORT,
            "host": LOOPBACK,
            "primary_port": PRIMARY_PORT,
            "replicas_port": REPLICAS_PORT,
            "lag": REPLICAS_LAG,
        }
        texts = {
            f"{ETC}/haproxy.cfg": "haproxy.cfg",
            f"{UNITS}/{UNIT}.service": "database-proxy.service",
        }
        removal = render(PACKAGE, "removal.sh", **values)
        return Setup(
            files=[
                *(File(path, render(PACKAGE, name, **values)) for path, name in texts.items()),
                File(f"{REMOVALS}/60-database-proxy", removal, 0o700),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[check(PACKAGE, "database-proxy", values, with_others=True)],
            secrets=(AUTHORITY.certificate,),
        )


DATABASE_PROXY = DatabaseProxy()

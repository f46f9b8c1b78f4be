"""HAProxy on each web server: the way to the primary and to the replicas of the database."""

from collections.abc import Sequence

from skytier.services.member_proxy import MemberProxy
from skytier.services.patroni import service as patroni
from skytier.services.patroni.dynamic import REPLICAS_LAG
from skytier.services.patroni.secrets import AUTHORITY
from skytier.services.postgresql.config import LOOPBACK, PRIMARY_PORT, REPLICAS_PORT
from skytier.services.service import Placement, check
from skytier.services.setup import Setup
from skytier.stackfile import StackFile
from skytier.topology import Need

PACKAGE = "skytier.services.database_proxy"
UNIT = "skytier-database-proxy"


class DatabaseProxy(MemberProxy):
    """It asks each member's Patroni what the member is, and leads connections there."""

    name = "database-proxy"
    units = (UNIT,)
    package = PACKAGE
    what = "the database"
    credential = "skytier_database_replica_url"
    order = 60

    def enabled(self, stack: StackFile) -> bool:
        """If the database has several members."""
        return patroni.PATRONI.enabled(stack)

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The members."""
        return [Need("postgresql"), Need("patroni")]

    def setup(self, at: Placement) -> Setup:
        """The way to the primary, and to the replicas."""
        values = {
            "unit": UNIT,
            "members": at.needed(Need("patroni")),
            "api_port": patroni.PORT,
            "host": LOOPBACK,
            "primary_port": PRIMARY_PORT,
            "replicas_port": REPLICAS_PORT,
            "lag": REPLICAS_LAG,
        }
        asked = check(PACKAGE, self.name, values, with_others=True)
        return self.made(values, asked, [AUTHORITY.certificate])


DATABASE_PROXY = DatabaseProxy()

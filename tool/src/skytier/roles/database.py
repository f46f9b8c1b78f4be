"""The database: one machine, or several members of which one is the primary."""

from skytier.roles.role import Role
from skytier.services.etcd.service import ETCD
from skytier.services.patroni.service import PATRONI
from skytier.services.pgbackrest.service import PGBACKREST
from skytier.services.postgresql.service import EXPORTER, POSTGRESQL

DATABASE = Role(
    name="database",
    services=(POSTGRESQL, ETCD, PATRONI, EXPORTER, PGBACKREST),
    holds_data="the data of the application",
    holds_secrets=True,
    duty="primary",
)

"""The database server."""

from skytier.roles.role import Role
from skytier.services.pgbackrest.service import PGBACKREST
from skytier.services.postgresql.service import EXPORTER, POSTGRESQL

DATABASE = Role(
    name="database",
    services=(POSTGRESQL, EXPORTER, PGBACKREST),
    holds_data="the data of the application",
    holds_secrets=True,
    duty="primary",
)

"""The database server."""

from skytier.roles.role import Role
from skytier.services.postgresql.service import EXPORTER, POSTGRESQL

DATABASE = Role(
    name="database",
    services=(POSTGRESQL, EXPORTER),
    holds_data="the data of the application",
    holds_secrets=True,
    duty="primary",
)

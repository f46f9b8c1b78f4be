"""The database role: PostgreSQL with one database of one role that is not a superuser."""

from skytier.roles.database.role import ROLE
from skytier.roles.database.server import NAME, SUPERUSER, Server, configuration, role_sql

__all__ = ["NAME", "ROLE", "SUPERUSER", "Server", "configuration", "role_sql"]

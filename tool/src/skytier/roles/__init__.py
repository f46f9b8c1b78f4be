"""The kinds of machine, and the configuration each of them runs with.

A new kind is a new folder with a `ROLE`, and a line here.
"""

from collections.abc import Mapping

from skytier.roles import database, web
from skytier.roles.role import Role

ROLES: Mapping[str, Role] = {role.name: role for role in (database.ROLE, web.ROLE)}

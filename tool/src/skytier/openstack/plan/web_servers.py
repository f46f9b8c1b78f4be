"""The web servers that there are, before it is known how many there shall be."""

from skytier.deploy.kind import Found
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import Server
from skytier.roles import ROLES

_WEB = next(name for name, role in ROLES.items() if role.runs_application)


def web_servers(project: Project) -> list[Found]:
    """Those of a stack, by their number. Raises SkytierError."""
    try:
        found = [each for each in Server(project).find() if each.facts["role"] == _WEB]
    except API_ERRORS as error:
        raise explained("The web servers could not be counted", error) from error
    return sorted(found, key=lambda each: each.facts["number"])

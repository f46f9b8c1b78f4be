"""Which methods an address takes."""

from fastapi import Request
from starlette.routing import Match, Mount

_ASKED = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed_methods(request: Request) -> str:
    """The value of the Allow header for the request's address.

    Each method of a path is a route of its own, so all routes are asked.
    """
    # A mounted application has changed the root path: the routes need the original one.
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", "")}
    found = []
    for method in _ASKED:
        for route in request.app.routes:
            # Only files are mounted. A mount matches any method, and then refuses it.
            takes = not isinstance(route, Mount) or method == "GET"
            if takes and route.matches({**scope, "method": method})[0] is Match.FULL:
                found.append(method)
                break
    if "GET" in found:
        found.append("HEAD")
    return ", ".join([*found, "OPTIONS"])

"""Finds a path that says whether the application is well."""

import ast
import re

from skytier.project.module import literal
from skytier.project.recognised import Recognised
from skytier.project.settings import Settings
from skytier.project.tree import Tree

_PATH = re.compile(r"/?(healthz?|health[-_]?check|livez|readyz|up|ping|status/health)/?")
_ROUTES = frozenset(
    {"get", "route", "path", "Route", "add_api_route", "add_url_rule", "add_route", "re_path"}
)


def recognise(tree: Tree, made_in: str, settings: Settings | None) -> Recognised:
    """The path of a route in the file that makes the application, or in Django's own list.

    Routes of other files are not looked at, as they may be mounted below another path.
    """
    path: str | None = made_in
    if settings:
        urls = settings.text("ROOT_URLCONF")
        path = tree.find(urls, f"{settings.module.path}") if urls else None
    module = tree.module(path) if path else None
    if module is None:
        return Recognised()
    for name, call in module.calls():
        if name.rpartition(".")[2] not in _ROUTES or not call.args:
            continue
        route = literal(call.args[0])
        if route and _PATH.fullmatch(route) and not _included(call):
            because = {"health": f"{module.at(call.lineno)}: there is a route for it."}
            return Recognised(health=f"/{route.lstrip('/')}", because=because)
    return Recognised()


def _included(call: ast.Call) -> bool:
    """Whether a route leads to others below it."""
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "include"
        for each in call.args[1:]
    )

"""Recognises FastAPI, by the rules of the `fastapi` command, and Starlette in the same places."""

from dataclasses import replace

from skytier.project.application import application, which
from skytier.project.formats import table, toml
from skytier.project.kinds import Found, Kind
from skytier.project.recognised import Recognised
from skytier.project.static import mounted
from skytier.project.tree import Tree

KIND = Kind(
    framework="fastapi",
    interface="asgi",
    classes=frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"}),
    word="FastAPI",
    files=("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py", "asgi.py"),
    names=("app", "api"),
    factories=("create_app", "make_app", "get_app"),
    first=True,
)
STARLETTE = replace(
    KIND,
    framework="starlette",
    classes=frozenset({"starlette.applications.Starlette"}),
    word="Starlette",
    names=("app", "application"),
    first=False,
)


def recognise(tree: Tree, kind: Kind = KIND) -> Recognised:
    """What FastAPI needs; empty for another kind of project.

    Raises SkytierError for a pyproject.toml that is broken.
    """
    if kind is KIND and (named := _entry_point(tree)):
        return named
    found = application(tree, kind)
    if len(found) != 1:
        return which(tree, found) if found else Recognised()
    return _served(tree, found[0])


def _served(tree: Tree, found: Found) -> Recognised:
    return found.recognised(tree).over(mounted(tree, found.made_in))


def _entry_point(tree: Tree) -> Recognised | None:
    """What pyproject.toml says to the `fastapi` command."""
    entry = table(toml(tree, "pyproject.toml"), "tool", "fastapi").get("entrypoint")
    if not isinstance(entry, str) or ":" not in entry:
        return None
    name = entry.partition(":")[0]
    path = tree.find(name, "main.py")
    because = dict.fromkeys(("serve", "framework"), "pyproject.toml: tool.fastapi.entrypoint.")
    env = {}
    if path and path.startswith("src/") and not name.startswith("src."):
        env["PYTHONPATH"] = "src"
        because["env.PYTHONPATH"] = f"{path} is there."
    module = tree.module(path) if path else None
    found = Recognised(framework="fastapi", serve=entry, interface="asgi", env=env, because=because)
    return found.over(mounted(tree, module)) if module else found

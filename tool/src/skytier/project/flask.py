"""Recognises Flask, by the rules of the `flask` command."""

import ast

from skytier.project.application import application, which
from skytier.project.environment import declared
from skytier.project.kinds import Found, Kind
from skytier.project.module import keyword, literal
from skytier.project.recognised import Recognised
from skytier.project.tree import Tree

KIND = Kind(
    framework="flask",
    interface="wsgi",
    classes=frozenset({"flask.Flask", "flask.app.Flask"}),
    word="Flask",
    files=("wsgi.py", "app.py"),
    names=("app", "application"),
    factories=("create_app", "make_app"),
)


def recognise(tree: Tree, packages: frozenset[str]) -> Recognised:
    """What Flask needs; empty for another kind of project."""
    found = application(tree, declared(tree, KIND, "FLASK_APP"))
    if len(found) != 1:
        return which(tree, found) if found else Recognised()
    only = found[0]
    serves = only.recognised(tree)
    return serves.over(_migrate(tree, serves, packages)).over(_static(tree, only))


def _migrate(tree: Tree, serves: Recognised, packages: frozenset[str]) -> Recognised:
    """Flask-Migrate's command, where its directory is there."""
    used = "flask-migrate" in packages or any(
        "flask_migrate" in module.origins for module in tree.mentioning("flask_migrate")
    )
    if not (used and "migrations/env.py" in tree):
        return Recognised()
    because = {"migrate": "migrations/env.py is Flask-Migrate's."}
    return Recognised(migrate=f"flask --app {serves.serve} db upgrade", because=because)


def _static(tree: Tree, found: Found) -> Recognised:
    """The directory `static` beside the file, which Flask serves by itself."""
    call = found.call
    if call is None:
        return Recognised()
    folder, url = keyword(call, "static_folder"), keyword(call, "static_url_path")
    name = literal(folder) if folder else "static"
    path = literal(url) if url else f"/{name.rpartition('/')[2]}" if name else None
    if name is None or path is None or not isinstance(call, ast.Call):
        return Recognised()
    beside = found.made_in.path.rpartition("/")[0]
    directory = f"{beside}/{name}".lstrip("/")
    if directory not in tree.directories or not path.strip("/"):
        return Recognised()
    path = f"/{path.strip('/')}/"
    at = found.made_in.at(call.lineno)
    return Recognised(
        static={path: directory}, because={f"static.{path}": f"{at}: Flask serves it."}
    )

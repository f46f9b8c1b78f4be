"""Recognises Flask, by the rules of the `flask` command."""

import ast
from collections.abc import Iterator

from skytier.project import values
from skytier.project.application import application, which
from skytier.project.environment import declared
from skytier.project.kinds import Found, Kind
from skytier.project.module import Module, keyword, literal
from skytier.project.recognised import Question, Recognised
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

_UPLOADS = "UPLOAD_FOLDER"


def recognise(tree: Tree, packages: frozenset[str]) -> Recognised:
    """What Flask needs; empty for another kind of project."""
    found = application(tree, declared(tree, KIND, "FLASK_APP"))
    if len(found) != 1:
        return which(tree, found) if found else Recognised()
    only = found[0]
    serves = only.recognised(tree)
    found_too = _migrate(tree, serves, packages).over(_static(tree, only)).over(_uploads(tree))
    return serves.over(found_too)


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


def _uploads(tree: Tree) -> Recognised:
    """UPLOAD_FOLDER, as Flask's documentation names the directory of uploaded files."""
    for module in tree.mentioning(_UPLOADS):
        for value in _values_of(module, _UPLOADS):

            def lookup(name: str, module: Module = module) -> tuple[Module, ast.expr] | None:
                binding = module.binding(name)
                return (module, binding.value) if binding else None

            at = module.at(value.lineno)
            path = values.path(value, module, lookup)
            if path is None or path.is_absolute() or not path.parts or ".." in path.parts:
                asks = f"Which directory below the source is {_UPLOADS}? {at} sets it."
                return Recognised(questions={"writable": Question(asks)})
            return Recognised(
                writable=[str(path)], because={"writable": f"{at}: {_UPLOADS} is {path}."}
            )
    return Recognised()


def _values_of(module: Module, name: str) -> Iterator[ast.expr]:
    """What a key of the configuration is set to, in the ways that Flask has."""
    for node in module.nodes:
        match node:
            case ast.keyword(arg=key, value=value) if key == name:
                yield value
            case ast.Assign(targets=[ast.Subscript(slice=key)], value=value) if (
                literal(key) == name
            ):
                yield value
            case ast.Assign(targets=[ast.Name(id=key)], value=value) if key == name:
                yield value

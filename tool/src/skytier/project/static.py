"""Static files that an ASGI application mounts by itself."""

import ast
from pathlib import PurePosixPath

from skytier.project import values
from skytier.project.module import Module, argument, literal
from skytier.project.recognised import Recognised
from skytier.project.tree import Tree

_FILES = ("fastapi.staticfiles.StaticFiles", "starlette.staticfiles.StaticFiles")


def mounted(tree: Tree, module: Module) -> Recognised:
    """`app.mount("/static", StaticFiles(directory="static"))`, and the same of a Mount."""
    static, because = {}, {}
    for name, call in module.calls():
        if name.rpartition(".")[2] not in ("mount", "Mount"):
            continue
        path = literal(argument(call, 0, "path"))
        files = argument(call, 1, "app")
        if not path or not path.strip("/") or not isinstance(files, ast.Call):
            continue
        if module.dotted(files.func) not in _FILES or _pages(files):
            continue
        directory = _directory(module, files)
        if directory and directory in tree.directories:
            url = f"/{path.strip('/')}/"
            static[url] = directory
            because[f"static.{url}"] = f"{module.at(call.lineno)}: it is mounted."
    return Recognised(static=static, because=because)


def _pages(files: ast.Call) -> bool:
    """Whether an index.html is served for a directory, which is more than files."""
    return any(each.arg == "html" for each in files.keywords)


def _directory(module: Module, files: ast.Call) -> str | None:
    node = argument(files, 0, "directory")

    def lookup(name: str) -> tuple[Module, ast.expr] | None:
        binding = module.binding(name)
        return (module, binding.value) if binding else None

    found = values.path(node, module, lookup) if node else None
    if found is None or found.is_absolute() or ".." in found.parts:
        return None
    return None if found == PurePosixPath(".") else str(found)

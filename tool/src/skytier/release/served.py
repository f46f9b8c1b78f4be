"""Whether what `serve` names is there: told from the files, before anything is changed.

Nothing is run, so a name that is only made while the module runs is taken for being there.
"""

import ast
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from skytier.errors import SkytierError
from skytier.project.module import Module
from skytier.project.tree import Tree
from skytier.release.application import Application

_MAKES_NAMES = {"globals", "vars", "locals", "setattr", "exec", "__dict__", "modules"}
"""Where one of these is used, names may come about that no statement shows."""
_DO = "Correct `serve` in the section [application] of the stack file."


def check(application: Application) -> None:
    """Raises SkytierError when the project has the package that is served, and not the object."""
    if not application.serve:
        return
    module, _, target = application.serve.partition(":")
    name = target.partition(".")[0]
    tree, parts = application.tree, module.split(".")
    if not _is_ours(tree, parts[0]):
        return
    paths = [path for root in _roots(tree) for path in _files(root, parts) if path in tree]
    if not paths and (application.is_distribution or _is_compiled(tree, parts)):
        return
    if not paths:
        raise SkytierError(
            f"application.serve names {application.serve}, and the project has no module {module}.",
            _DO,
        )
    found = tree.module(paths[0])
    inner = [path for root in _roots(tree) for path in _files(root, [*parts, name])]
    if found and not _may_have(found, name) and not any(path in tree for path in inner):
        raise SkytierError(
            f"application.serve names {application.serve}, and {paths[0]} has no {name}.", _DO
        )


def check_packages(application: Application, archive: Path) -> None:
    """Raises SkytierError when neither the project nor its packages have the module's package.

    `archive` is the .tar.gz of the packages, below lib/.
    """
    top = (application.serve or "").partition(":")[0].partition(".")[0]
    if not top or application.is_distribution or _is_there(application.tree, top):
        return
    if top in sys.stdlib_module_names:
        return
    with tarfile.open(archive) as tar:
        names = {part for each in tar for part in _top(each.name)}
    if top not in names:
        raise SkytierError(
            f"application.serve names {application.serve}, and neither the project nor its "
            f"packages have a module {top}.",
            _DO,
        )


def _top(name: str) -> Iterator[str]:
    """`shop` for lib/shop/main.py, lib/shop.py and lib/shop.cpython-311-x86_64-linux-gnu.so."""
    parts = name.removeprefix("./").split("/")
    if parts[0] == "lib" and len(parts) > 1:
        yield parts[1].partition(".")[0]


def _roots(tree: Tree) -> list[str]:
    """Where Python looks for the project's modules."""
    return ["", *(["src/"] if "src" in tree.directories else [])]


def _files(root: str, parts: list[str]) -> list[str]:
    path = root + "/".join(parts)
    return [f"{path}.py", f"{path}/__init__.py"]


def _is_compiled(tree: Tree, parts: list[str]) -> bool:
    """Whether a module is there in another form than as text: main.cpython-311.so."""
    begins = tuple(f"{root}{'/'.join(parts)}." for root in _roots(tree))
    return any(path.startswith(begins) for path in tree.paths)


def _is_ours(tree: Tree, package: str) -> bool:
    """Whether a package or module is the project's alone: one without __init__.py may go on
    elsewhere."""
    return any(path in tree for root in _roots(tree) for path in _files(root, [package]))


def _is_there(tree: Tree, package: str) -> bool:
    return _is_ours(tree, package) or any(
        root + package in tree.directories for root in _roots(tree)
    )


def _may_have(module: Module, name: str) -> bool:
    """Whether a module may have a name: it is made somewhere in it, or names are made there that
    cannot be seen."""
    if module.stars:
        return True
    for node in module.nodes:
        match node:
            case ast.Name(id=found, ctx=ast.Store()) if found == name:
                return True
            case ast.Name(id=found) | ast.Attribute(attr=found) if found in _MAKES_NAMES:
                return True
            case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found):
                if found in (name, "__getattr__"):
                    return True
            case ast.ClassDef(name=found) if found == name:
                return True
            case ast.alias(name=found, asname=known) if name in (known, found.partition(".")[0]):
                return True
            case ast.MatchAs(name=found) | ast.MatchStar(name=found) if found == name:
                return True
    return False

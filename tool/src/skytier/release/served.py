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


def check(application: Application) -> None:
    """Raises SkytierError when the project has the package that is served, and not the object."""
    if not application.serve:
        return
    module, _, target = application.serve.partition(":")
    name = target.partition(".")[0]
    tree = application.tree
    # One without __init__.py may go on elsewhere.
    if not _file(tree, module.partition(".")[0]):
        return
    path = _file(tree, module)
    if not path and (application.is_distribution or _is_compiled(tree, module)):
        return
    if not path:
        raise _missing(application, f"the project has no module {module}")
    found = tree.module(path)
    if found and not _may_have(found, name) and not _file(tree, f"{module}.{name}"):
        raise _missing(application, f"{path} has no {name}")


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
        what = f"neither the project nor its packages have a module {top}"
        raise _missing(application, what)


def _missing(application: Application, what: str) -> SkytierError:
    return SkytierError(
        f"application.serve names {application.serve}, and {what}.",
        "Correct `serve` in the section [application] of the stack file.",
    )


def _top(name: str) -> Iterator[str]:
    """`shop` for lib/shop/main.py, lib/shop.py and lib/shop.cpython-311-x86_64-linux-gnu.so."""
    parts = name.removeprefix("./").split("/")
    if parts[0] == "lib" and len(parts) > 1:
        yield parts[1].partition(".")[0]


def _file(tree: Tree, module: str) -> str | None:
    """The project's file of a module, as one of the source itself would import it."""
    return tree.find(module, "any.py")


def _is_compiled(tree: Tree, module: str) -> bool:
    """Whether a module is there in another form than as text: main.cpython-311.so."""
    stem = module.replace(".", "/")
    return any(path.startswith((f"{stem}.", f"src/{stem}.")) for path in tree.paths)


def _is_there(tree: Tree, package: str) -> bool:
    """Whether the project has a package or module, also one without __init__.py."""
    directories = {package, f"src/{package}"}
    return bool(_file(tree, package)) or not directories.isdisjoint(tree.directories)


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

"""Which file pins a project's packages, and the names of the packages it needs to run."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from skytier.errors import SkytierError
from skytier.project import requirements
from skytier.project.formats import json_object, strings, table, tables, toml
from skytier.project.tree import Tree

_LOCKS = ("uv.lock", "poetry.lock", "Pipfile.lock")
CHOSEN = "pylock.skytier.toml"
"""The versions that Skytier chose itself. It is no lock of the project's own."""
_PYLOCK = re.compile(r"pylock(\.[^./]+)?\.toml")


def locks(tree: Tree) -> Sequence[str]:
    """The files that pin packages. Where there is none: a pyproject.toml that names them."""
    pylocks = [path for path in tree.paths if _PYLOCK.fullmatch(path) and path != CHOSEN]
    found = [path for path in (*_LOCKS, "requirements.txt") if path in tree]
    if found := found[:-1] + pylocks + found[-1:] if found else pylocks:
        return found
    return ["pyproject.toml"] if _direct(tree) is not None else []


def choose(tree: Tree, chosen: str | None = None) -> str | None:
    """The file that names the packages; None when the project has none.

    `chosen` is what the stack file says. Raises SkytierError when several could be meant, and when
    the chosen one cannot be read.
    """
    if chosen is not None:
        if chosen not in tree:
            raise SkytierError(
                f"dependencies = {chosen!r}: there is no such file.",
                "Name one that git does not ignore, from where the source is.",
            )
        if _reader(chosen) is None:
            raise SkytierError(
                f"dependencies = {chosen!r}: this kind of file cannot be read.",
                f"Name one of {', '.join(_LOCKS)}, pylock.toml, requirements.txt.",
            )
        return chosen
    found = locks(tree)
    if len(found) > 1:
        raise SkytierError(
            f"Packages are pinned in {_listed(found)}.",
            f'Delete all but one, or choose: dependencies = "{found[0]}" in [application].',
        )
    if not found and "Pipfile" in tree:
        raise SkytierError("There is a Pipfile and no Pipfile.lock.", "Run pipenv lock.")
    return found[0] if found else None


def is_open(file: str | None) -> bool:
    """Whether it is a kind of file that may leave versions open."""
    return file is not None and file.endswith((".txt", ".in", "pyproject.toml", ".py", ".cfg"))


def names(tree: Tree, file: str | None) -> frozenset[str]:
    """The normalised names of the packages that the project needs to run, with theirs.

    Those of other groups, as for tests, are not among them. Raises SkytierError when a file is
    broken.
    """
    read = _reader(file) if file else None
    return frozenset(read(tree, file)) if read and file else frozenset()


def direct(tree: Tree) -> frozenset[str]:
    """The names that pyproject.toml has, without what they need themselves."""
    return frozenset(_direct(tree) or {})


def _reader(file: str) -> Any:
    last = file.rpartition("/")[2]
    if _PYLOCK.fullmatch(last):
        return _pylock
    readers = {
        "uv.lock": _uv,
        "poetry.lock": _poetry,
        "Pipfile.lock": _pipfile,
        "pyproject.toml": lambda tree, _: _direct(tree) or (),
    }
    return readers.get(last) or (requirements.names if last.endswith((".txt", ".in")) else None)


def _listed(found: Sequence[str]) -> str:
    return " and ".join([", ".join(found[:-1]), found[-1]])


def _direct(tree: Tree) -> Mapping[str, set[str]] | None:
    """Names with their extras; None when pyproject.toml names no packages at all."""
    content = toml(tree, "pyproject.toml")
    project, poetry = table(content, "project"), table(content, "tool", "poetry")
    found: dict[str, set[str]] = {}
    for text in strings(project.get("dependencies")):
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            said = str(error).partition("\n")[0]
            raise SkytierError(f"pyproject.toml: {text!r} is no requirement: {said}.") from None
        found[canonicalize_name(requirement.name)] = set(requirement.extras)
    for name, wanted in table(poetry, "dependencies").items():
        if name != "python" and not (isinstance(wanted, dict) and wanted.get("optional")):
            extras = wanted.get("extras") if isinstance(wanted, dict) else None
            found[canonicalize_name(name)] = set(strings(extras))
    named = "dependencies" in project or "dependencies" in poetry
    return found if named else None


def _uv(tree: Tree, file: str) -> Iterable[str]:
    packages = _by_name(toml(tree, file))
    roots = [
        name
        for name, package in packages.items()
        if table(package, "source").get("editable") == "."
        or table(package, "source").get("virtual") == "."
    ]
    # A workspace has no package of its own at its root.
    start = {name: set[str]() for name in roots or _direct(tree) or packages}

    def needs(name: str, extras: set[str]) -> Mapping[str, set[str]]:
        package = packages.get(name, {})
        wanted = tables(package.get("dependencies"))
        for extra in extras:
            wanted += tables(table(package, "optional-dependencies").get(extra))
        return {
            canonicalize_name(str(each.get("name", ""))): set(strings(each.get("extra")))
            for each in wanted
        }

    return _closure(start, needs) - set(roots)


def _poetry(tree: Tree, file: str) -> Iterable[str]:
    packages = _by_name(toml(tree, file))
    grouped = {
        name
        for name, package in packages.items()
        if "main" in strings(package.get("groups")) or package.get("category") == "main"
    }
    if grouped:
        return grouped

    def needs(name: str, extras: set[str]) -> Mapping[str, set[str]]:
        wanted = table(packages.get(name), "dependencies")
        return {
            canonicalize_name(each): set[str]()
            for each, how in wanted.items()
            if not (isinstance(how, dict) and how.get("optional") and not extras)
        }

    return _closure(_direct(tree) or {}, needs)


def _pylock(tree: Tree, file: str) -> Iterable[str]:
    return _by_name(toml(tree, file), key="packages")


def _pipfile(tree: Tree, file: str) -> Iterable[str]:
    return {canonicalize_name(name) for name in table(json_object(tree, file), "default")}


def _by_name(content: dict[str, Any], key: str = "package") -> dict[str, dict[str, Any]]:
    found = tables(content.get(key))
    return {canonicalize_name(str(package.get("name", ""))): package for package in found}


def _closure(start: Mapping[str, set[str]], needs: Any) -> set[str]:
    """The names at the start, and all that they need."""
    found = set[str]()
    done = set[tuple[str, frozenset[str]]]()
    ahead = list(start.items())
    while ahead:
        name, extras = ahead.pop()
        if (name, frozenset(extras)) not in done:
            done.add((name, frozenset(extras)))
            found.add(name)
            ahead += needs(name, extras).items()
    return found

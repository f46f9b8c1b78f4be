"""Which Python a project wants."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from skytier.errors import SkytierError
from skytier.project.formats import json_object, table, toml
from skytier.project.tree import Tree

_FILE = ".python-version"
_MISSPELLED = re.compile(
    r"\.?py(ht|th|hton|thon|tohn|thn|hon)n?[._-]?ver(s?ions?|ison|sons|isons)(\.(txt|lock))?", re.I
)
_VERSION = re.compile(r"(?:c?python-?)?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-dev)?", re.ASCII)
_LONGEST = 60


@dataclass(frozen=True)
class PythonWanted:
    specifier: SpecifierSet
    file: str
    """The file that says so."""


def python_wanted(tree: Tree) -> PythonWanted | None:
    """The Python that a project asks for; None when no file says.

    A version of two numbers means any of that series; one of three that one or a later one of its
    series, as it has fixes for the same. Raises SkytierError for what no Python is named by.
    """
    return next(all_wanted(tree), None)


def all_wanted(tree: Tree) -> Iterator[PythonWanted]:
    """The same of each file that says one, in the order in which they count."""
    for path in tree.paths:
        if path != _FILE and _MISSPELLED.fullmatch(path) and _FILE not in tree:
            raise SkytierError(f"{path} is misspelled.", f"Rename it to {_FILE}.")
    sources = (
        (_FILE, _of_version_file),
        ("pyproject.toml", _of_pyproject),
        ("Pipfile.lock", _of_pipfile),
        ("runtime.txt", _of_version_file),
        (".tool-versions", _of_tool_versions),
    )
    for file, read in sources:
        wanted = read(tree, file) if file in tree else None
        if wanted:
            yield PythonWanted(_specifier(file, wanted), file)


def _of_version_file(tree: Tree, file: str) -> str:
    lines = [line.partition("#")[0].strip() for line in (tree.text(file) or "").splitlines()]
    versions = [line for line in lines if line]
    # pyenv allows several: the first one is `python`.
    return _series(file, versions[0]) if versions else ""


def _of_pyproject(tree: Tree, file: str) -> str:
    content = toml(tree, file)
    wanted = table(content, "project").get("requires-python")
    if not wanted:
        wanted = table(content, "tool", "poetry", "dependencies").get("python")
        wanted = wanted.get("version") if isinstance(wanted, dict) else wanted
    return wanted if isinstance(wanted, str) else ""


def _of_pipfile(tree: Tree, file: str) -> str:
    requires = table(json_object(tree, file), "_meta", "requires")
    version = requires.get("python_full_version") or requires.get("python_version")
    return _series(file, version) if isinstance(version, str) else ""


def _of_tool_versions(tree: Tree, file: str) -> str:
    for line in (tree.text(file) or "").splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0] == "python":
            return _series(file, words[1])
    return ""


def _series(file: str, version: str) -> str:
    found = _VERSION.fullmatch(version) if len(version) <= _LONGEST else None
    if not found:
        raise SkytierError(
            f"{file}: {version[:60]!r} is no version of Python.", "Write one like 3.12 in it."
        )
    major, minor, patch = found.groups()
    if minor is None:
        return f"=={major}.*"
    return f"~={major}.{minor}.{patch}" if patch else f"=={major}.{minor}.*"


def _specifier(file: str, wanted: str) -> SpecifierSet:
    # Of Poetry's `3.11 || 3.12` each is right, and the last one is the newest.
    newest = wanted.rpartition("||")[2]
    parts = re.sub(r"([<>=!~^])\s+", r"\1", newest).replace(",", " ").split()
    try:
        if len(wanted) > _LONGEST:
            raise InvalidSpecifier
        return SpecifierSet(",".join(map(_standard, parts)))
    except InvalidSpecifier:
        raise SkytierError(
            f"{file}: {wanted[:60]!r} is no version of Python.", 'Write one like ">=3.12".'
        ) from None


def _standard(part: str) -> str:
    """Poetry's own `^3.11` and `~3.11`, and a bare version, in the standard's words."""
    if part == "*":
        return ">=3"
    match = re.fullmatch(r"([\^~]?)(\d+)(?:\.(\d+))?(?:\.\d+)*(\.\*)?", part, re.ASCII)
    if not match:
        return part
    sign, major, minor, any_patch = match.groups()
    version = part.lstrip("^~")
    if sign == "^":
        return f">={version},<{int(major) + 1}"
    if sign == "~":
        end = f"{major}.{int(minor) + 1}" if minor else str(int(major) + 1)
        return f">={version},<{end}"
    return f"=={version}" if any_patch or version.count(".") > 1 else f"=={version}.*"

"""The names in a requirements file, as pip reads it."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from skytier.errors import SkytierError
from skytier.project.tree import Tree

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s*=\s*|\s*)(\S+)")
_OPTION = re.compile(r"\s--?[a-z]")
_LONGEST = 10_000
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_ADDRESS = re.compile(r"[a-z+]+://|\.{0,2}/|file:|git@")


def names(tree: Tree, file: str) -> set[str]:
    """The normalised names in a file and in those that it includes with `-r`.

    Raises SkytierError for a line that pip would refuse, and for an include that is not there.
    """
    found, seen, ahead = set[str](), set[str](), [file]
    while ahead:
        path = ahead.pop()
        if path in seen:
            continue
        seen.add(path)
        for number, line in _lines(tree.text(path) or ""):
            if include := _INCLUDE.match(line):
                ahead.append(_included(tree, path, number, include[1]))
            elif name := _name(path, number, line):
                found.add(canonicalize_name(name))
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their number, from 1, continued ones joined and comments taken off."""
    parts: list[str] = []
    begin = 1
    for number, line in enumerate(text.splitlines(), 1):
        if not parts:
            begin = number
        line = _COMMENT.sub("", line)
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        if whole := "".join([*parts, line]).strip():
            yield begin, whole
        parts = []
    if whole := "".join(parts).strip():
        yield begin, whole


def _included(tree: Tree, path: str, number: int, name: str) -> str:
    included = normpath(str(PurePosixPath(path).parent / name))
    if included not in tree:
        raise SkytierError(
            f"{path}, line {number}: {name} is not among the files of the project.",
            "Put it below the source directory, and let git not ignore it.",
        )
    return included


def _name(path: str, number: int, line: str) -> str | None:
    """The name of a requirement; None for an option, and for an address that says none."""
    if line.startswith("-"):
        return _egg(line)
    line = _OPTION.split(line, maxsplit=1)[0].strip()
    if len(line) > _LONGEST:
        raise SkytierError(f"{path}, line {number} is too long for a requirement.")
    try:
        return Requirement(line).name
    except InvalidRequirement as error:
        if _ADDRESS.match(line) or line.endswith((".whl", ".tar.gz", ".zip")):
            return _egg(line) or _of_wheel(line)
        said = str(error).partition("\n")[0]
        raise SkytierError(
            f"{path}, line {number}: {line[:60]!r} is no requirement: {said}."
        ) from None


def _egg(line: str) -> str | None:
    found = _EGG.search(line)
    return found[1] if found else None


def _of_wheel(line: str) -> str | None:
    file = line.partition("#")[0].rpartition("/")[2]
    return file.partition("-")[0] if file.endswith(".whl") else None

"""poetry.lock, read for a target: the main group, without extras.

Poetry 2 writes the groups and conditions of each package into the lock file. Poetry 1 does not:
there the packages are followed from those that pyproject.toml names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skytier.errors import SkytierError
from skytier.release.locks import extra_indexes, read_toml, suits_python
from skytier.release.pins import Pin, Requirements
from skytier.release.platform import Platform
from skytier.release.poetry_versions import allows
from skytier.release.refusals import not_from_an_index

Table = Mapping[str, Any]


def poetry_lock(path: Path, target: Platform) -> Requirements:
    """What poetry.lock has for a target. Raises SkytierError."""
    lock = read_toml(path)
    meta = lock.get("metadata", {})
    python = str(meta.get("python-versions", "*"))
    suits_python(path, python, target, _for_python(python, target))
    packages = [
        each
        for each in lock.get("package", ())
        if _for_python(each.get("python-versions", "*"), target)
    ]
    if all("groups" in each for each in packages):
        chosen = [each for each in packages if _is_main(each, target)]
    else:
        chosen = _followed(path, packages, target)
    older = meta.get("files", {})  # where the first versions of Poetry have the hashes
    urls = (each["source"]["url"] for each in chosen if _kind(each) == "legacy")
    pins = (_pin(path, each, older) for each in chosen)
    return Requirements(tuple(sorted(pins)), extra_indexes(urls))


def _pin(path: Path, package: Table, older: Table) -> Pin:
    if _kind(package) not in ("", "legacy", "pypi"):
        raise not_from_an_index(path, f"{package['name']} ({_kind(package)})")
    files = package.get("files") or older.get(package["name"], ())
    hashes = {file["hash"] for file in files}
    return Pin(canonicalize_name(package["name"]), package["version"], tuple(sorted(hashes)))


def _kind(package: Table) -> str:
    return str(package.get("source", {}).get("type", ""))


def _for_python(constraint: str, target: Platform) -> bool:
    return any(allows(constraint, f"{target.python}.{patch}") for patch in (0, 99))


def _is_main(package: Table, target: Platform) -> bool:
    markers = package.get("markers", "")
    if isinstance(markers, Mapping):  # another one for each group
        markers = markers.get("main", "")
    if "main" not in package["groups"] or (package.get("optional") and not markers):
        return False
    return not markers or Marker(markers).evaluate(target.markers())


def _followed(path: Path, packages: Sequence[Table], target: Platform) -> list[Table]:
    """The packages that the project needs, and those that they need."""
    chosen: dict[str, Table] = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    ahead = list(_of_project(path.parent / "pyproject.toml", target))
    while ahead:
        name, constraint, extras = ahead.pop()
        package = _find(path, packages, name, constraint)
        chosen[name] = package
        if (name, extras) not in seen:
            seen.add((name, extras))
            ahead += _of_package(package, extras, target)
    return list(chosen.values())


def _find(path: Path, packages: Sequence[Table], name: str, constraint: str) -> Table:
    named = [each for each in packages if canonicalize_name(each["name"]) == name]
    fitting = [each for each in named if allows(constraint, each["version"])]
    if not named:
        raise SkytierError(
            f"{path} does not have {name}, which the project needs.",
            "It is older than pyproject.toml: run poetry lock.",
        )
    return (fitting or named)[-1]


Dependency = tuple[str, str, tuple[str, ...]]
"""The normalised name, versions as Poetry writes them, and extras."""


def _of_project(pyproject: Path, target: Platform) -> Iterator[Dependency]:
    if not pyproject.is_file():
        raise SkytierError(
            f"{pyproject} does not exist: this poetry.lock does not say which packages the "
            "project itself needs.",
            "Put pyproject.toml beside it, or make the lock file again with Poetry 2.",
        )
    content = read_toml(pyproject)
    for line in content.get("project", {}).get("dependencies", ()):
        requirement = Requirement(line)
        if not requirement.marker or requirement.marker.evaluate(target.markers()):
            extras = tuple(sorted(requirement.extras))
            yield canonicalize_name(requirement.name), str(requirement.specifier) or "*", extras
    tables = content.get("tool", {}).get("poetry", {}).get("dependencies", {})
    for name, said in tables.items():
        for each in _alternatives(said):
            if name != "python" and not each.get("optional") and _applies(each, (), target):
                yield _dependency(name, each)


def _of_package(package: Table, extras: Sequence[str], target: Platform) -> Iterator[Dependency]:
    wanted = {
        canonicalize_name(Requirement(re.sub(r"\s*\(.*", "", line)).name)
        for extra in extras
        for line in package.get("extras", {}).get(extra, ())
    }
    for name, said in package.get("dependencies", {}).items():
        for each in _alternatives(said):
            skipped = each.get("optional") and canonicalize_name(name) not in wanted
            if not skipped and _applies(each, extras, target):
                yield _dependency(name, each)


def _dependency(name: str, said: Table) -> Dependency:
    return canonicalize_name(name), said.get("version", "*"), tuple(sorted(said.get("extras", ())))


def _alternatives(said: str | Table | Sequence[Table]) -> Sequence[Table]:
    if isinstance(said, str):
        return [{"version": said}]
    return [said] if isinstance(said, Mapping) else said


def _applies(said: Table, extras: Sequence[str], target: Platform) -> bool:
    if said.get("platform", "linux") != "linux" or not _for_python(said.get("python", "*"), target):
        return False
    markers = said.get("markers")
    environments = [{**target.markers(), "extra": extra} for extra in ("", *extras)]
    return not markers or any(Marker(markers).evaluate(each) for each in environments)

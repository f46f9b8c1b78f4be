"""Lock files of uv, pip and Pipenv, and those of PEP 751, read for a target."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from packaging.markers import Environment, Marker
from packaging.pylock import Package, Pylock, PylockSelectError, PylockValidationError
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import canonicalize_name

from skytier.errors import SkytierError
from skytier.release import uv
from skytier.release.pins import NotPinnedError, Pin, Requirements, read
from skytier.release.platform import Platform
from skytier.release.refusals import not_from_an_index, refused

_DEFAULT_INDEX = "https://pypi.org/simple"


def uv_lock(path: Path, target: Platform) -> Requirements:
    """What uv.lock has for the project itself, without groups and extras. Raises SkytierError."""
    lock = read_toml(path)
    check_python(path, str(lock.get("requires-python", "")), target)
    registries = (package.get("source", {}).get("registry") for package in lock.get("package", ()))
    done = uv.run(
        "export",
        *("--frozen", "--format=requirements.txt", "--no-header", "--no-annotate"),
        *("--no-default-groups", "--no-emit-project"),
        directory=path.parent,
        offline=True,
    )
    if done.code:
        raise refused(f"{path} could not be read", done.stderr)
    try:
        found = read(done.stdout, target)
    except NotPinnedError as line:
        raise not_from_an_index(path, str(line)) from None
    return Requirements(found.pins, extra_indexes(each for each in registries if each))


def pylock(path: Path, target: Platform) -> Requirements:
    """What a pylock.toml has without extras, with its default groups. Raises SkytierError."""
    python = tuple(int(part) for part in target.python.split("."))
    tags = [
        *cpython_tags(python, platforms=target.platforms()),
        *compatible_tags(python, f"cp{target.python.replace('.', '')}", target.platforms()),
    ]
    environment = cast(Environment, target.markers())
    try:
        lock = Pylock.from_dict(read_toml(path))
        check_python(path, str(lock.requires_python or ""), target)
        # Whether a file suits the target is decided when it is installed, for all sources alike.
        chosen = [package for package, _ in lock.select(environment=environment, tags=tags)]
    except PylockValidationError as error:
        raise unreadable(path, error) from None
    except PylockSelectError as error:
        raise SkytierError(
            f"{path} has nothing for {target}: {error}.",
            "Lock the project for that platform too.",
        ) from None
    urls = (package.index for package in chosen if package.index)
    return Requirements(
        tuple(sorted(_of_package(path, package) for package in chosen)), extra_indexes(urls)
    )


def pipfile_lock(path: Path, target: Platform) -> Requirements:
    """The section `default` of a Pipfile.lock. Raises SkytierError."""
    try:
        lock: dict[str, Any] = json.loads(path.read_text())
        meta, packages = lock["_meta"], lock["default"]
    except (ValueError, KeyError, TypeError) as error:
        raise unreadable(path, error) from None
    pins = []
    for name, package in packages.items():
        if (marker := package.get("markers")) and not Marker(marker).evaluate(target.markers()):
            continue
        version = package.get("version", "")
        if not version.startswith("=="):
            raise not_from_an_index(path, name)
        hashes = tuple(sorted(package.get("hashes", ())))
        pins.append(Pin(canonicalize_name(name), version.lstrip("="), hashes))
    sources = (source["url"] for source in meta.get("sources", ()))
    return Requirements(tuple(sorted(pins)), extra_indexes(sources))


def read_toml(path: Path) -> dict[str, Any]:
    """A file's content. Raises SkytierError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None


def extra_indexes(urls: Iterable[str]) -> tuple[str, ...]:
    """The options for indexes that a lock names, beside the operator's own."""
    others = {url.rstrip("/") for url in urls} - {_DEFAULT_INDEX}
    return tuple(f"--extra-index-url {url}" for url in sorted(others))


def suits_python(path: Path, requires: str, target: Platform, suits: bool) -> None:
    """Raise SkytierError when a file is not for the target's Python."""
    if not suits:
        raise SkytierError(
            f"{path} is for Python {requires}, and the machine has {target.python}.",
            "Choose an image with such a Python, or lock the project for this one too.",
        )


def check_python(path: Path, requires: str, target: Platform) -> None:
    """Raise SkytierError when `>=3.12` excludes the target's Python."""
    suits_python(path, requires, target, not requires or target.satisfies(requires))


def _of_package(path: Path, package: Package) -> Pin:
    if package.is_direct or not package.version:
        raise not_from_an_index(path, package.name)
    hashes = [file.hashes for file in package.wheels or ()]
    if package.sdist:
        hashes.append(package.sdist.hashes)
    known = {f"sha256:{each['sha256']}" for each in hashes if "sha256" in each}
    return Pin(package.name, str(package.version), tuple(sorted(known)))


def unreadable(path: Path, error: Exception) -> SkytierError:
    """The error of a file that cannot be read as what its name says."""
    return SkytierError(f"{path} cannot be read: {error}.", "Make it again with its own tool.")

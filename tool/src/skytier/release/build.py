"""Builds a release: the application's own tree, and beside it the packages it stands on.

A release, below releases/ID on a machine:

skytier-app     runs a command of the application with this release's own code
application.json what it runs
health          the URL path that says whether it is ready
runtime/        what serves it
app/            the files of the project; its writable directories lead to data/
distribution/   the project as an installed package, if it is one
bin/            its own commands
static/         its static files by their URL paths, as Nginx serves them
libraries       leads to its packages
compiled        names the Python that it is compiled for; missing when it is not
variables.json  the operator's secret variables, which it gets on the machine that runs it

Its packages, below libraries/HASH, which the next release has too if it stands on the same:

lib/            the packages, with their commands in lib/bin
compiled        as above
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path

from skytier import files
from skytier.release import chosen, served, servers
from skytier.release.application import Application
from skytier.release.archive import pack
from skytier.release.collect import collect
from skytier.release.commands import write_commands
from skytier.release.packages import byte_compile, wheel
from skytier.release.pins import deciding
from skytier.release.platform import Platform
from skytier.release.requirements import pinned
from skytier.release.trim import ARCHIVE, BUILDING, trim, used
from skytier.release.wheels import install
from skytier.render import render

Progress = Callable[[str], None]
"""Is told what begins: `installing 44 packages`."""
_BUILDING = threading.RLock()
FORMAT = "3"
"""Another one whenever this file lays out a release in another way."""


@dataclass(frozen=True)
class Tree:
    """A directory tree on the operator's machine, packed for a machine."""

    name: str
    archive: Path
    """A .tar.gz of the tree's contents."""
    sha256: str

    def unpack(self, directory: Path) -> None:
        """Put its contents into a new directory."""
        directory.mkdir(parents=True)
        with tarfile.open(self.archive) as tar:
            tar.extractall(directory, filter="tar")

    def unpack_part(self, name: str, directory: Path) -> Path:
        """Put one directory of its top into another one. Returns where it is."""
        with tarfile.open(self.archive) as tar:
            members = [each for each in tar if Path(each.name).parts[0] == name]
            tar.extractall(directory, members, filter="data")
        return directory / name


@dataclass(frozen=True)
class Release:
    """A release on the operator's machine, ready to be shipped."""

    id: str
    """`0.1.0-3f2a9c81d0e4-5d07b1`: that of the source, and a hash of what it was built with."""
    application: Tree
    libraries: Tree
    target: Platform


def build(
    application: Application,
    target: Platform,
    *,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Release:
    """The release of an application for a target, from the cache if it is there.

    `cache` is ~/.cache/skytier. Any number may build at once. Raises SkytierError when a package
    cannot be had, the module that is served is in none of them, or the static files cannot be
    collected.

    >>> build(application, Platform("3.11", "x86_64", 36)).id  # doctest: +SKIP
    '0.1.0-3f2a9c81d0e4-5d07b1'
    """
    cache = cache or _cache()
    libraries = _libraries(application, target, cache, progress)
    launcher = render("skytier.release", "skytier-app.sh")
    runtime = _runtime()
    parts = (FORMAT, str(target), launcher, *runtime.values(), libraries.name)
    release_id = f"{application.release}-{_hash(*parts)[:6]}"

    def make(tree: Path) -> None:
        progress(f"building {release_id}")
        served.check_packages(application, libraries.archive)
        (tree / "libraries").symlink_to(f"../../libraries/{libraries.name}")
        script = tree / "skytier-app"
        script.write_text(launcher)
        script.chmod(0o755)
        for name, text in runtime.items():
            path = tree / "runtime" / "skytier_runtime" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _lay_out(tree, application)
        (tree / "static").mkdir()
        if application.collect or application.static:
            here = _libraries(application, Platform.here(), cache, progress)
            _collect(tree, application, here)
        _compile(tree, ("app", "distribution", "runtime"), target)

    return Release(release_id, _tree(cache / "releases", release_id, make), libraries, target)


def _runtime() -> dict[str, str]:
    """The files of `skytier_runtime`: name to text."""
    package = package_files("skytier.release") / "runtime" / "skytier_runtime"
    texts = {each.name: each for each in package.iterdir() if each.name.endswith(".py")}
    return {name: texts[name].read_text() for name in sorted(texts)}


def _libraries(application: Application, target: Platform, cache: Path, progress: Progress) -> Tree:
    """The packages by themselves: they are many, and change less often than the application."""
    pins = _pins(application, target, cache)

    def make(tree: Path) -> None:
        count = pins.count("==")
        progress(f"getting {count} packages for Python {target.python} on {target.architecture}")
        install(pins, target, tree / "lib")
        _compile(tree, ("lib",), target)

    return _tree(cache / "libraries", _hash(FORMAT, str(target), pins), make)


def _pins(application: Application, target: Platform, cache: Path) -> str:
    """The packages in one version each: those that were chosen, or that a file pins.

    Where neither is there, versions are chosen once for a dependency file.
    """
    if found := chosen.kept(application, target):
        return str(servers.add(found, application.servers, target)[0])
    path = application.dependencies
    name = _hash(FORMAT, str(target), *application.servers, path or "", _deciding(application))
    kept = cache / "pins" / f"{name}.txt"
    if kept.exists():
        return kept.read_text()
    pins = pinned(application.source, path, target, application.servers)
    kept.parent.mkdir(parents=True, exist_ok=True)
    files.write(kept, pins.text)
    return pins.text


def _deciding(application: Application) -> str:
    """All of the project that decides about versions."""
    if application.dependencies is None:
        return ""
    path = application.source / application.dependencies
    return deciding(path) if path.suffix in (".txt", ".in") else path.read_text()


def _lay_out(tree: Path, application: Application) -> None:
    """Write the application as it is described: its files, and what it is as a package."""
    described = json.dumps(application.description(), indent=2, ensure_ascii=False) + "\n"
    (tree / "application.json").write_text(described)
    (tree / "health").write_text(f"{application.health}\n")  # for scripts, which read no JSON
    (tree / "app").mkdir()
    for path in application.files:
        target = tree / "app" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(application.source / path, target, follow_symlinks=False)
    for name in application.writable:
        # From releases/ID/app/media to data/media.
        place = tree / "app" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * len(Path("releases/ID/app", name).parent.parts)
        place.symlink_to(f"{up}data/{name}")
    if application.is_distribution:
        wheel(tree / "app", tree / "distribution")
        write_commands(tree / "distribution", tree / "bin")


def _collect(tree: Path, application: Application, libraries: Tree) -> None:
    """Collect the static files where the packages of this machine are beside the tree."""
    with tempfile.TemporaryDirectory(dir=tree.parent) as directory:
        # As on a machine: releases/ID/libraries leads to ../../libraries/NAME.
        release = Path(directory, "releases", "building")
        release.parent.mkdir()
        shutil.copytree(tree, release, symlinks=True)
        (release / "libraries").unlink()
        (release / "libraries").symlink_to(f"../../libraries/{libraries.name}")
        if application.collect:
            libraries.unpack(Path(directory, "libraries", libraries.name))
        collect(application, release)
        shutil.copytree(release / "static", tree / "static", dirs_exist_ok=True)
        for prefix, name in application.static.items():
            # The application may read its manifest there.
            place = tree / "app" / name
            if place.exists():
                shutil.rmtree(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            up = "../" * len(Path("app", name).parent.parts)
            place.symlink_to(f"{up}static/{prefix.strip('/')}")


def _compile(tree: Path, directories: tuple[str, ...], target: Platform) -> None:
    """Compile directories of a tree and note it, if this is the target's Python."""
    if target.python == Platform.here().python:
        for directory in directories:
            if (tree / directory).exists():
                byte_compile(tree / directory)
        (tree / "compiled").write_text(f"{target.python}\n")


def _tree(cache: Path, name: str, make: Callable[[Path], None]) -> Tree:
    """A tree's archive in a directory of the cache; `make` fills the tree when there is none."""
    archive = cache / f"{name}{ARCHIVE}"
    with _BUILDING:  # who asks for the same at the same time takes what the other has made
        if not archive.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as directory:
                tree = Path(directory, "tree")
                tree.mkdir()
                make(tree)
                new = Path(directory, "archive")
                pack(tree, new)
                new.replace(archive)
            trim(cache)
        used(archive)
    return Tree(name, archive, hashlib.sha256(archive.read_bytes()).hexdigest())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "skytier"

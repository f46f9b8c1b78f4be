"""Builds a release: the application's own tree, and beside it the packages it stands on.

A release, below releases/ID on a machine:

skytier-app     runs a command of the application with this release's own code
app/            the application
static/         its static files, as Nginx serves them
libraries       leads to its packages
compiled        names the Python that app/ is compiled for; missing when it is not

Its packages, below libraries/HASH, which the next release has too if it stands on the same:

lib/            the packages
compiled        as above
"""

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skytier.release import source as sources
from skytier.release.archive import pack
from skytier.release.packages import byte_compile, collect_static, wheel
from skytier.release.platform import Platform
from skytier.release.requirements import pinned
from skytier.release.source import Source
from skytier.release.wheels import install
from skytier.render import render

Progress = Callable[[str], None]
"""Is told what begins: `installing 44 packages`."""
_BUILDING = threading.Lock()
FORMAT = "3"
"""Another one whenever this file lays out a release in another way."""


@dataclass(frozen=True)
class Tree:
    """A directory tree on the operator's machine, packed for a machine."""

    name: str
    archive: Path
    """A .tar.gz of the tree's contents."""
    sha256: str


@dataclass(frozen=True)
class Release:
    """A release on the operator's machine, ready to be shipped."""

    id: str
    """`0.1.0-3f2a9c81d0e4`: the version, and a hash of all that it was built from."""
    application: Tree
    libraries: Tree
    target: Platform


def build(
    target: Platform,
    *,
    source: Source | None = None,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Release:
    """The release of the application's source for a target, from the cache if it is there.

    `source` is the one installed beside this tool; `cache` is ~/.cache/skytier. Any number may
    build at once. Raises SkytierError when there is no source, or a package cannot be had.

    >>> build(Target("3.11", "x86_64", 36)).id  # doctest: +SKIP
    '0.1.0-3f2a9c81d0e4'
    """
    source, cache = source or sources.find(), cache or _cache()
    libraries = _libraries(source, target, cache, progress)
    launcher = render("skytier.release", "skytier-app.sh")
    parts = (FORMAT, str(target), launcher, source.fingerprint())
    release_id = f"{source.version}-{_hash(*parts)}"

    def make(tree: Path) -> None:
        progress(f"building {release_id}")
        _application(tree, source, target, libraries, launcher)

    return Release(release_id, _tree(cache / "releases", release_id, make), libraries, target)


def _libraries(source: Source, target: Platform, cache: Path, progress: Progress) -> Tree:
    """The packages by themselves: they are many, and change less often than the application."""
    requirements = pinned(source.path, source.requirements.name, target).text

    def make(tree: Path) -> None:
        count = requirements.count("==")
        progress(f"getting {count} packages for Python {target.python} on {target.architecture}")
        install(requirements, target, tree / "lib")
        _compile(tree, "lib", target)

    return _tree(cache / "libraries", _hash(FORMAT, str(target), requirements), make)


def _application(
    tree: Path, source: Source, target: Platform, libraries: Tree, launcher: str
) -> None:
    wheel(source.path, tree / "app")
    collect_static(tree / "app", tree / "static")
    _compile(tree, "app", target)
    (tree / "libraries").symlink_to(f"../../libraries/{libraries.name}")
    script = tree / "skytier-app"
    script.write_text(launcher)
    script.chmod(0o755)


def _compile(tree: Path, directory: str, target: Platform) -> None:
    """Compile a directory of a tree and note it, if this is the target's Python."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if target.python == own:
        byte_compile(tree / directory)
        (tree / "compiled").write_text(f"{own}\n")


def _tree(cache: Path, name: str, make: Callable[[Path], None]) -> Tree:
    """A tree's archive in a directory of the cache; `make` fills the tree when there is none."""
    archive = cache / f"{name}.tar.gz"
    with _BUILDING:  # who asks for the same at the same time takes what the other has made
        if not archive.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix="new-") as directory:
                tree = Path(directory, "tree")
                tree.mkdir()
                make(tree)
                new = Path(directory, "archive")
                pack(tree, new)
                new.replace(archive)
    return Tree(name, archive, hashlib.sha256(archive.read_bytes()).hexdigest())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "skytier"

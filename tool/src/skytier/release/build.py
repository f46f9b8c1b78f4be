"""Builds a release: one directory tree with the application and everything it stands on.

skytier-app     runs a command of the application with this release's own code
lib/            the application and its packages
compiled        names the Python that lib/ is compiled for; missing when it is not
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skytier.release import source as sources
from skytier.release.archive import pack
from skytier.release.packages import byte_compile, install, wheel
from skytier.release.source import Source
from skytier.release.target import Target
from skytier.roles.render import render_from

Progress = Callable[[str], None]
"""Is told what begins: `installing 44 packages`."""
FORMAT = "1"
"""Another one whenever this file lays out a release in another way."""


@dataclass(frozen=True)
class Release:
    """A release on the operator's machine, ready to be shipped."""

    id: str
    """`0.1.0-3f2a9c81d0e4`: the version, and a hash of all that it was built from."""
    archive: Path
    """A .tar.gz of the tree's contents."""
    sha256: str
    target: Target


def build(
    target: Target,
    *,
    source: Source | None = None,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Release:
    """The release of the application's source for a target, from the cache if it is there.

    `source` is the one installed beside this tool; `cache` is ~/.cache/skytier. Any number may
    build at once. Raises SkytierError when there is no source, or pip cannot get a package.

    >>> build(Target("3.11", "x86_64", 36)).id  # doctest: +SKIP
    '0.1.0-3f2a9c81d0e4'
    """
    source, cache = source or sources.find(), cache or _cache()
    launcher = render_from("skytier.release", "skytier-app.sh")
    parts = (FORMAT, str(target), launcher, source.fingerprint())
    release_id = f"{source.version}-{_hash(*parts)}"
    archive = cache / "releases" / f"{release_id}.tar.gz"
    if not archive.exists():
        libraries = _libraries(source, target, cache, progress)
        progress(f"building {release_id}")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix="new-") as directory:
            tree = Path(directory, "tree")
            _lay_out(tree, source, target, libraries, launcher)
            new = Path(directory, "archive")
            progress(f"packing {release_id}")
            pack(tree, new)
            new.replace(archive)
    return Release(release_id, archive, hashlib.sha256(archive.read_bytes()).hexdigest(), target)


def _libraries(source: Source, target: Target, cache: Path, progress: Progress) -> Path:
    """The directory of the installed packages: they change less often than the application."""
    requirements = source.requirements.read_text()
    directory = cache / "libraries" / _hash(FORMAT, str(target), requirements)
    if not directory.exists():
        count = sum(not line.startswith((" ", "#")) for line in requirements.splitlines() if line)
        progress(f"getting {count} packages for Python {target.python} on {target.architecture}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix="new-") as temporary:
            new = Path(temporary, "lib")
            install(source.requirements, target, new)
            if target.python == _own_python():
                byte_compile(new)
            _move(new, directory)
    return directory


def _lay_out(tree: Path, source: Source, target: Target, libraries: Path, launcher: str) -> None:
    tree.mkdir()
    shutil.copytree(libraries, tree / "lib", symlinks=True, copy_function=_link)
    with tempfile.TemporaryDirectory(dir=tree.parent) as own:
        wheel(source.path, Path(own))
        if target.python == _own_python():
            byte_compile(Path(own))
            (tree / "compiled").write_text(f"{target.python}\n")
        shutil.copytree(own, tree / "lib", dirs_exist_ok=True)
    script = tree / "skytier-app"
    script.write_text(launcher)
    script.chmod(0o755)


def _link(origin: str, copy: str) -> None:
    os.link(origin, copy)


def _move(new: Path, directory: Path) -> None:
    try:
        new.rename(directory)
    except OSError:
        if not directory.exists():  # else another run was quicker, with the same
            raise


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _own_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "skytier"

"""Which files of a source directory travel to a server, and their fingerprint."""

import hashlib
import os
import stat
import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from skytier.errors import SkytierError

_NEVER = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
    ]
)
_EXAMPLES = frozenset({".env.example", ".env.sample", ".env.template"})
_WITHOUT_GIT = "It decides which files travel: what git ignores stays here."


@dataclass(frozen=True)
class Listing:
    """Files relative to the source directory."""

    files: Sequence[Path]
    """What travels, sorted."""
    left_out: Sequence[str]
    """The first of each directory or file that git tracks and that never travels: `.venv`."""


def files(source: Path, without: Collection[Path] = ()) -> Sequence[Path]:
    """The files and symbolic links that travel to a server, relative to `source`, sorted.

    In a git work tree: what git tracks or would track. Elsewhere: all. Never what belongs to one
    machine: `.env*`, virtual environments, caches. `without` has relative paths that stay here too,
    with all that is below them.
    Raises SkytierError for a link that leaves the source, and for a socket, pipe or device.
    """
    return listing(source, without).files


def listing(source: Path, without: Collection[Path] = ()) -> Listing:
    """The same, and what git tracks in vain. Raises as `files` does."""
    if not source.is_dir():
        raise SkytierError(f"There is no directory {source}.")
    root = source.resolve()
    kept, left_out = [], []
    environments = _Environments(root)
    stay = frozenset(without)
    for path in sorted(set(_listed(root)), key=os.fsencode):
        if never := environments.around(path) or _never(path):
            left_out.append(never)
        elif stay.isdisjoint((Path(path), *Path(path).parents)) and _travels(root, path):
            kept.append(Path(path))
    return Listing(kept, list(dict.fromkeys(left_out)))


def fingerprint(source: Path, files: Sequence[Path]) -> str:
    """`sha256:` and a hash of the files' names, contents and whether they are executable."""
    digest = hashlib.sha256()
    for path in files:
        at = source / path
        try:
            if at.is_symlink():
                kind, content = b"link", os.fsencode(at.readlink())
            else:
                kind = b"program" if at.stat().st_mode & stat.S_IXUSR else b"file"
                with at.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise SkytierError(f"{at} cannot be read: {error.strerror}.") from error
        for part in (os.fsencode(path), kind, content):
            digest.update(len(part).to_bytes(8) + part)
    return "sha256:" + digest.hexdigest()


def _listed(root: Path) -> Iterator[str]:
    """Paths as git or the file system has them."""
    if any((each / ".git").exists() for each in (root, *root.parents)):
        found = _in_git(root)
        yield from found
        # A directory that git ignores as a whole, like one for builds, is listed as it is.
        if found:
            return
    yield from _walked(root)


def _in_git(root: Path) -> list[str]:
    # A hook of git has variables that name another work tree. A file system monitor would be a
    # program that the repository names.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "-z"]
    # Nothing of the repository is run, so it may belong to another user, as in a CI's container.
    command[1:1] = ["-c", "safe.directory=*"]
    command += ["--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)
    except FileNotFoundError:
        raise SkytierError(
            f"{root} is in a git repository, and there is no git.", f"Install git. {_WITHOUT_GIT}"
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise SkytierError(
            f"git cannot list the files of {root}: {said}",
            f"Make `git status` work there. {_WITHOUT_GIT}",
        )
    found = []
    for name in os.fsdecode(done.stdout).split("\0"):
        path = root / name
        if name and path.is_dir() and not path.is_symlink():
            # A submodule, or another repository within this one.
            if not _never(name) and (path / ".git").exists():
                found += [f"{name.rstrip('/')}/{each}" for each in _in_git(path)]
        elif name:
            found.append(name)
    return found


def _walked(root: Path) -> Iterator[str]:
    def fail(error: OSError) -> None:
        raise SkytierError(f"{error.filename} cannot be read: {error.strerror}.") from error

    for directory, directories, names in os.walk(root, onerror=fail):
        at = Path(directory).relative_to(root)
        links = [name for name in directories if (Path(directory) / name).is_symlink()]
        for name in (*names, *links):
            path = str(at / name)
            if not _never(path):
                yield path
        directories[:] = [
            name
            for name in directories
            if not _never(name) and not (Path(directory) / name / "pyvenv.cfg").exists()
        ]


def _never(path: str) -> str:
    """The part of a path that never travels, with what is above it; empty when it may travel."""
    parts = path.split("/")
    for number, name in enumerate(parts):
        hidden = name.startswith(".env") and name not in _EXAMPLES
        if name in _NEVER or hidden or name.endswith(".pyc"):
            return "/".join(parts[: number + 1])
    return ""


class _Environments:
    """Directories that are virtual environments by what is in them, each looked at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str] = {"": ""}

    def around(self, path: str) -> str:
        """The outermost virtual environment that a file is in; empty when it is in none."""
        parts = path.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            directory = "/".join(parts[:end])
            if directory not in self._known:
                is_one = (self._root / directory / "pyvenv.cfg").exists()
                self._known[directory] = directory if is_one else ""
            if found := self._known[directory]:
                return found
        return ""


def _travels(root: Path, path: str) -> bool:
    """Whether there is such a file. Raises SkytierError when it cannot travel."""
    at = root / path
    try:
        mode = at.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    name = path if path.isprintable() else ascii(path)
    if stat.S_ISLNK(mode):
        target = at.readlink()
        if not Path(os.path.realpath(at)).is_relative_to(root):
            raise SkytierError(
                f"{name} is a link to {target}, outside of {root}.",
                "Copy what it leads to, or let git ignore it.",
            )
        if target.is_absolute():
            raise SkytierError(
                f"{name} is a link to {target}, a path of this machine only.",
                "Make it a relative link.",
            )
    elif not stat.S_ISREG(mode):
        raise SkytierError(
            f"{name} is no file: it is a {_kind(mode)}.", f"Delete it, or move it out of {root}."
        )
    return True


def _kind(mode: int) -> str:
    if stat.S_ISSOCK(mode):
        return "socket"
    return "pipe" if stat.S_ISFIFO(mode) else "device"

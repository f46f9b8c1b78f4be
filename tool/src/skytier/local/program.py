"""What the application on this machine is made of: the installed sample, or a release."""

import importlib.metadata
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from skytier import files
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.local.home import Home
from skytier.release import Application, build, of
from skytier.release.platform import Platform
from skytier.release.sample import installed
from skytier.release.ship import KEPT
from skytier.stackfile import StackFile
from skytier.stackfile.application import SAMPLE, SAMPLE_PACKAGE

PYTHON = ("python", "python3")


class Program(Protocol):
    """An application with its packages."""

    @property
    def health(self) -> str:
        """The URL path that says whether it is ready."""

    @property
    def prefixes(self) -> Sequence[str]:
        """The URL paths of its static files."""

    @property
    def request_mib(self) -> int:
        """The largest body of a request."""

    def version(self) -> str:
        """As people know it. Raises SkytierError when it is not there."""

    def release(self) -> str:
        """The id of the release, another one for other code. Raises SkytierError."""

    def prepare(self, tell: Tell) -> str:
        """Have all its files on this machine. Returns what it is. Raises SkytierError."""

    def go_back(self) -> bool:
        """Switch to the release before; False where there is none."""

    def serve(self) -> list[str]:
        """The words that serve it."""

    def migrate(self) -> list[str] | None:
        """The words that bring the database to its schema."""

    def command(self, *words: str) -> list[str]:
        """The words that run another command of it."""

    def static(self) -> Path | None:
        """The directory of its static files, by their URL paths; None where `collect` makes it."""

    def collect(self, directory: Path) -> list[str] | None:
        """The words that put its static files into a directory of Nginx."""


class Installed:
    """The sample application, as it is installed beside this tool."""

    health, prefixes, request_mib = SAMPLE.health, tuple(SAMPLE.static), SAMPLE.request_mib

    def version(self) -> str:
        """That of the distribution."""
        return importlib.metadata.version("skytier-app")

    def release(self) -> str:
        """The code and everything it stands on, as a fingerprint."""
        tree = files.tree_fingerprint(installed())
        return files.fingerprint(sys.version, sys.executable, tree, *_packages())

    def prepare(self, tell: Tell) -> str:
        """It is here."""
        return "installed"

    def go_back(self) -> bool:
        """Only one is installed."""
        return False

    def serve(self) -> list[str]:
        """Its own server."""
        return self._own("serve")

    def migrate(self) -> list[str] | None:
        """Its own command."""
        return self._own("migrate")

    def command(self, *words: str) -> list[str]:
        """By this Python."""
        return [sys.executable if words[0] in PYTHON else words[0], *words[1:]]

    def static(self) -> Path | None:
        """They are collected."""
        return None

    def collect(self, directory: Path) -> list[str] | None:
        """Its own command."""
        return self._own("collect-static", str(directory / "static"))

    def _own(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", SAMPLE_PACKAGE, *arguments]


class Built:
    """An operator's own application, built for this machine."""

    def __init__(self, home: Home, stack: StackFile) -> None:
        self._home = home
        self._stack = stack
        self.health = stack.application.health
        self.prefixes = tuple(stack.application.static)
        self.request_mib = stack.application.request_mib

    def version(self) -> str:
        """That of the project, and a fingerprint of it."""
        return self._id

    def release(self) -> str:
        """The same."""
        return self._id

    def prepare(self, tell: Tell) -> str:
        """Build the release, and unpack it in the home."""
        built = build(self._application, Platform.here(), progress=tell)
        releases, libraries = self._home.releases, self._home.libraries
        for place, tree in ((libraries, built.libraries), (releases, built.application)):
            target = place / tree.name
            if not target.exists():
                new = place / f".new-{tree.name}"
                shutil.rmtree(new, ignore_errors=True)
                tree.unpack(new)
                new.rename(target)
        before = self._home.current.readlink() if self._home.current.is_symlink() else None
        if before and before.name != built.id:
            _link(self._home.previous, before)
        _link(self._home.current, Path("releases", built.id))
        (releases / built.id).touch()
        self._prune()
        return built.id

    def go_back(self) -> bool:
        """To that which `current` led to before."""
        if not self._home.previous.exists():
            return False
        _link(self._home.current, self._home.previous.readlink())
        return True

    def serve(self) -> list[str]:
        """By its launcher."""
        return [self._launcher(), "serve"]

    def migrate(self) -> list[str] | None:
        """By its launcher."""
        return [self._launcher(), "migrate"] if self._stack.application.migrate else None

    def command(self, *words: str) -> list[str]:
        """By its launcher."""
        return [self._launcher(), "run", *words]

    def static(self) -> Path | None:
        """In the release."""
        return self._home.current.resolve() / "static"

    def collect(self, directory: Path) -> list[str] | None:
        """They were collected when it was built."""
        return None

    @cached_property
    def _application(self) -> Application:
        return of(self._stack)

    @cached_property
    def _id(self) -> str:
        return self._application.release

    def _launcher(self) -> str:
        launcher = self._home.current.resolve() / "skytier-app"
        if not launcher.exists():
            raise SkytierError("There is no release on this machine yet.", "Run: skytier up")
        return str(launcher)

    def _prune(self) -> None:
        releases, libraries = self._home.releases, self._home.libraries
        cut_short = [path for place in (releases, libraries) for path in place.glob(".new-*")]
        for path in cut_short:
            shutil.rmtree(path)
        newest = sorted(releases.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        links = (self._home.current, self._home.previous)
        used_now = {link.readlink().name for link in links if link.is_symlink()}
        kept = [path for n, path in enumerate(newest) if n < KEPT or path.name in used_now]
        for path in newest:
            if path not in kept:
                shutil.rmtree(path)
        used = {(path / "libraries").readlink().name for path in kept}
        for path in libraries.iterdir():
            if path.name not in used:
                shutil.rmtree(path)


def _link(link: Path, target: Path) -> None:
    """Have a symbolic link lead elsewhere, in one step."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def program(home: Home, stack: StackFile) -> Program:
    """What runs by a stack file."""
    return Built(home, stack) if stack.application.is_own else Installed()


def _packages() -> Iterator[str]:
    names = {f"{d.name}=={d.version}" for d in importlib.metadata.distributions()}
    yield from sorted(names)

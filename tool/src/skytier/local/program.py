"""What the application on this machine is made of: the installed sample, or a release."""

import importlib.metadata
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from skytier import files
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.local.home import Home
from skytier.local.releases import LocalReleases
from skytier.local.service import STACK_NAME
from skytier.local.variables import HomeVariables
from skytier.release import Application, build, fitness, history, of, processes
from skytier.release.author import author, me
from skytier.release.history import Author, Entry
from skytier.release.platform import Platform
from skytier.release.processes import Beside
from skytier.release.sample import installed
from skytier.secrets.variables import Variables
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
    def media(self) -> Mapping[str, str]:
        """URL paths, and the directories of what visitors have uploaded, in the home's `data`."""

    @property
    def request_mib(self) -> int:
        """The largest body of a request."""

    def version(self) -> str:
        """As people know it. Raises SkytierError when it is not there."""

    def release(self) -> str:
        """The id of the release, another one for other code. Raises SkytierError."""

    def warnings(self) -> Sequence[str]:
        """What of it should not go into production. Raises SkytierError."""

    def prepare(self, tell: Tell) -> str:
        """Have all its files on this machine. Returns what it is. Raises SkytierError."""

    def anew(self) -> None:
        """The source is wanted, and no release that a rollback led to."""

    def hook(self, when: str) -> None:
        """Run what the operator wants `before` or `after` a release, if one is due."""

    def switched(self) -> None:
        """What was prepared serves now."""

    def failed(self) -> None:
        """What was prepared does not serve: the words that follow are of that which serves."""

    def serve(self) -> list[str]:
        """The words that serve it."""

    def beside(self) -> Beside:
        """The processes and jobs that are wanted beside the web."""

    def launched(self, *words: str) -> list[str]:
        """The words that run a command of the release's launcher, which has to do with those."""

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
    media = SAMPLE.media

    def version(self) -> str:
        """That of the distribution."""
        return importlib.metadata.version("skytier-app")

    def release(self) -> str:
        """The code and everything it stands on, as a fingerprint."""
        tree = files.tree_fingerprint(installed())
        return files.fingerprint(sys.version, sys.executable, tree, *_packages())

    def warnings(self) -> Sequence[str]:
        """None."""
        return ()

    def prepare(self, tell: Tell) -> str:
        """It is here."""
        return "installed"

    def anew(self) -> None:
        """It is always as it is installed."""

    def hook(self, when: str) -> None:
        """The sample application has no hooks."""

    def switched(self) -> None:
        """Only one is installed."""

    def failed(self) -> None:
        """Only one is installed."""

    def serve(self) -> list[str]:
        """Its own server."""
        return self._own("serve")

    def beside(self) -> Beside:
        """None."""
        return (), ()

    def launched(self, *words: str) -> list[str]:
        """It has no launcher."""
        return []

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
    """An operator's own application, built for this machine.

    A release that a rollback led to stays until `anew` is said.
    """

    def __init__(self, home: Home, stack: StackFile) -> None:
        self.releases = LocalReleases(home)
        self._kept_variables = HomeVariables(home)
        self._stack = stack
        self.health = stack.application.health
        self.prefixes = tuple(stack.application.static)
        self.media = stack.application.media
        self.request_mib = stack.application.request_mib
        self._prepared: str | None = None
        self.kept = self._pinned()
        """The release that is wanted instead of the source."""
        self._is_new = False
        self._line = ""  # of the history, once it serves

    def anew(self) -> None:
        """The source is what is wanted, and no release that a rollback led to."""
        if self.kept and self.kept.author.source == self._application.release:
            # It serves already: only the history has to say that it is wanted.
            for line in history.released(self.kept.id, self._said_by_me()):
                self.releases.note(line)
        self.kept = None

    def back(self, entry: Entry) -> None:
        """A release of the history is what is wanted."""
        self.kept = entry
        self._prepared = entry.id
        self._line = history.rolled_back(entry.id, me())

    def version(self) -> str:
        """That of the project, and a fingerprint of it."""
        return self.release()

    def release(self) -> str:
        """The same."""
        if self.kept:
            return self.kept.author.source or self.kept.id
        return self._application.release

    def warnings(self) -> Sequence[str]:
        """By reading its files."""
        return fitness.warnings(self._application, Platform.here())

    def prepare(self, tell: Tell) -> str:
        """Build the release, and unpack it in the home."""
        if self.kept:
            return self.kept.id
        built = build(self._application, Platform.here(), progress=tell)
        self.releases.put(built, self._variables.for_release())
        self._prepared = built.id
        if built.id != self.releases.current() or self._pinned():
            self.releases.note(history.begun(built.id, self._said_by_me()))
            self._line = history.ended(built.id, healthy=True)
        return built.id

    def hook(self, when: str) -> None:
        """Run it. The same release that is only started again has none."""
        if when == "before":
            now = self.releases.history().now()
            self._is_new = not self.kept and (
                now is None or now.author.source != self._application.release
            )
        if self._is_new:
            self._application.hook(when, STACK_NAME)

    def switched(self) -> None:
        """It is the current release."""
        if self._prepared is None:
            return
        if self._line:
            self.releases.note(self._line)
        self.releases.switch_to(self._prepared)
        self._prepared, self._line = None, ""

    def failed(self) -> None:
        """It is noted, and the current release stays."""
        if self._prepared and self._line and not self.kept:
            self.releases.note(history.ended(self._prepared, healthy=False))
            if self._prepared != self.releases.current():
                # The first one to be deleted.
                os.utime(self.releases.path(self._prepared), (0, 0))
        self._prepared, self._line = None, ""

    def serve(self) -> list[str]:
        """By its launcher."""
        return [self._launcher(), "serve"]

    def beside(self) -> Beside:
        """Those of the release that is prepared or stays, else of the stack file."""
        release = self._prepared or (self.kept.id if self.kept else None)
        if release:
            path = self.releases.path(release) / "application.json"
            return processes.beside(json.loads(path.read_text()))
        section = self._stack.application
        return processes.beside(processes.described(section.process, section.job))

    def launched(self, *words: str) -> list[str]:
        """By its launcher."""
        return [self._launcher(), *words]

    def migrate(self) -> list[str] | None:
        """By its launcher."""
        return [self._launcher(), "migrate"] if self._stack.application.migrate else None

    def command(self, *words: str) -> list[str]:
        """By its launcher."""
        return [self._launcher(), "run", *words]

    def static(self) -> Path | None:
        """In the release."""
        return self._path() / "static"

    def collect(self, directory: Path) -> list[str] | None:
        """They were collected when it was built."""
        return None

    @cached_property
    def _variables(self) -> Variables:
        return self._kept_variables.read()

    @cached_property
    def _application(self) -> Application:
        summary = self._variables.summary
        application = of(self._stack, summary)
        fitness.check_secrets(self._stack.application, summary)
        fitness.check_python_here(application)
        return application

    def _said_by_me(self) -> Author:
        return author(self._application.source, self._application.release)

    def _pinned(self) -> Entry | None:
        said = self.releases.history()
        return said.now() if said.pinned else None

    def _path(self) -> Path:
        release = self._prepared or self.releases.current()
        if release is None:
            raise SkytierError("There is no release on this machine yet.", "Run: skytier up")
        return self.releases.path(release)

    def _launcher(self) -> str:
        return str(self._path() / "skytier-app")


def program(home: Home, stack: StackFile) -> Program:
    """What runs by a stack file."""
    return Built(home, stack) if stack.application.is_own else Installed()


def _packages() -> Iterator[str]:
    names = {f"{d.name}=={d.version}" for d in importlib.metadata.distributions()}
    yield from sorted(names)

"""An operator's own application: releases that are built for this machine."""

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.local.home import Home
from skytier.local.releases import LocalReleases
from skytier.local.service import STACK_NAME
from skytier.local.variables import HomeVariables
from skytier.release import (
    Application,
    build,
    chosen,
    fitness,
    history,
    of,
    processes,
    served,
)
from skytier.release.author import author, me
from skytier.release.history import Author, Entry
from skytier.release.platform import Platform
from skytier.release.processes import Beside
from skytier.secrets.variables import Variables
from skytier.stackfile import StackFile

PYTHON = ("python", "python3")


class Built:
    """An operator's own application, built for this machine.

    A release that a rollback led to stays until `anew` is said.
    """

    knows_site = True

    def __init__(self, home: Home, stack: StackFile) -> None:
        self.releases = LocalReleases(home)
        self._kept_variables = HomeVariables(home)
        self._stack = stack
        self.source = str(stack.directory.resolve()) if stack.directory else ""
        self.health = stack.application.health
        self.prefixes = tuple(stack.application.static)
        self.media = stack.application.media
        self.request_mib = stack.application.request_mib
        self.streams_bodies = stack.application.streams_bodies
        self._prepared: str | None = None
        self.kept = self._pinned()
        """The release that is wanted instead of the source."""
        self._is_new = False
        self._line = ""  # of the history, once it serves

    def anew(self) -> None:
        """The source is what is wanted, and no release that a rollback led to."""
        if self.kept and self.kept.author.source == self._source:
            # It serves already: only the history has to say that it is wanted.
            for line in history.released(self.kept.id, self._said_by_me()):
                self.releases.note(line)
        self.kept = None

    def back(self, entry: Entry) -> None:
        """A release of the history is what is wanted."""
        self.kept = entry
        self._prepared = entry.id
        self._line = history.rolled_back(entry.id, me())

    def stay(self) -> None:
        """The release that serves is what is wanted, and not the source."""
        self.kept = self.releases.history().now()

    def version(self) -> str:
        """That of the project, and a fingerprint of it."""
        return self.release()

    def release(self) -> str:
        """The same."""
        if self.kept:
            return self.kept.author.source or self.kept.id
        return self._source

    def warnings(self) -> Sequence[str]:
        """By reading its files."""
        return [
            *fitness.warnings(self._application, Platform.here()),
            *fitness.without_object_store(self._application),
        ]

    def choose_versions(self, *, upgrade: bool) -> str:
        """Those of packages that no file pins. Returns what was done; empty for nothing."""
        said = chosen.choose(self._application, Platform.here(), upgrade=upgrade)
        if said:
            self.__dict__.pop("_source", None)  # its name has the versions in it
        return said

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
            self._is_new = not self.kept and (now is None or now.author.source != self._source)
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
        served.check(application)
        fitness.check_python_here(application)
        return application

    @cached_property
    def _source(self) -> str:
        # All files are read for it.
        return self._application.release

    def _said_by_me(self) -> Author:
        return author(self._application.source, self._source)

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

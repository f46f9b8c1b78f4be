"""The sample application, as it is installed beside this tool."""

import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from skytier import files
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.release.processes import Beside
from skytier.release.sample import installed
from skytier.stackfile.application import SAMPLE, SAMPLE_PACKAGE

PYTHON = ("python", "python3")


class Installed:
    """The sample application, as it is installed beside this tool."""

    health, prefixes, request_mib = SAMPLE.health, tuple(SAMPLE.static), SAMPLE.request_mib
    streams_bodies, media = SAMPLE.streams_bodies, SAMPLE.media
    source = ""

    knows_site = False

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

    def stay(self) -> None:
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
        """It has no launcher: who asks for one means an application of another stack file."""
        raise SkytierError(
            "The application that runs here is not that of this stack file.",
            "Run it in the directory of that one's stack file, or name the file: --file PATH",
        )

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


def _packages() -> Iterator[str]:
    names = {f"{d.name}=={d.version}" for d in importlib.metadata.distributions()}
    yield from sorted(names)

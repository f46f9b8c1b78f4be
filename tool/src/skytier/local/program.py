"""What the application on this machine is made of, whatever it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from skytier.deploy.kind import Tell
from skytier.release.processes import Beside

PYTHON = ("python", "python3")


class Program(Protocol):
    """An application with its packages."""

    @property
    def health(self) -> str:
        """The URL path that says whether it is ready."""

    @property
    def source(self) -> str:
        """The directory of its project; empty for the sample application."""

    @property
    def prefixes(self) -> Sequence[str]:
        """The URL paths of its static files."""

    @property
    def media(self) -> Mapping[str, str]:
        """URL paths, and the directories of what visitors have uploaded, in the home's `data`."""

    @property
    def request_mib(self) -> int:
        """The largest body of a request."""

    @property
    def streams_bodies(self) -> bool:
        """Whether it gets a body while it arrives; else once it is whole."""

    @property
    def knows_site(self) -> bool:
        """Whether it is told the addresses of the site, so that others mean a restart."""

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

    def stay(self) -> None:
        """The release that serves is wanted, and not the source."""

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
        """The words that run a command of the release's launcher, which has to do with those.

        Raises SkytierError where there is no launcher.
        """

    def migrate(self) -> list[str] | None:
        """The words that bring the database to its schema."""

    def command(self, *words: str) -> list[str]:
        """The words that run another command of it."""

    def static(self) -> Path | None:
        """The directory of its static files, by their URL paths; None where `collect` makes it."""

    def collect(self, directory: Path) -> list[str] | None:
        """The words that put its static files into a directory of Nginx."""

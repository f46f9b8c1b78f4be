"""What the commands ask of a stack, wherever it runs: in a cloud or on this machine."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from skytier.deploy.apply import Progress
from skytier.metrics.source import Source
from skytier.metrics.view import View
from skytier.release.history import Releases, Rollback
from skytier.status import JobStatus, ProcessStatus, Status
from skytier.watched import Watched


class Backend(Protocol):
    """A stack and where it runs. Every method raises SkytierError when it cannot answer.

    How a stack is planned, brought up and taken down is not here: what is asked for, shown and
    confirmed before differs too much. Both carry out steps of `deploy.plan` by `deploy.apply`.
    """

    def status(self) -> Status:
        """What runs, measured now."""

    def view(self) -> AbstractContextManager[View]:
        """Its machines with their current figures, while the context is open."""

    def source(self) -> AbstractContextManager[Source]:
        """What was measured so far, while the context is open."""

    def watched(self) -> AbstractContextManager[Watched]:
        """All that the dashboard and reports show, while the context is open."""

    def logs(self, source: str | None, *, follow: bool, lines: int) -> int:
        """Print the last lines of a service or a machine; go on until Ctrl-C with `follow`.

        Returns the exit code of the program that prints. Raises ValueError for a source that is
        not known.
        """

    def releases(self) -> Releases:
        """What was released, and what of it is kept."""

    def rollback(self, progress: Progress, name: str | None) -> Rollback:
        """Switch to the healthy release before, or to one by its number or id."""

    def processes_now(self) -> list[ProcessStatus]:
        """The processes of the application on each machine, the web among them."""

    def jobs(self) -> list[JobStatus]:
        """The jobs of the application, each with its last run."""

    def run_job(self, name: str) -> int:
        """Run a job now, with its output here. Returns its exit code."""

    def run_application(self, *arguments: str) -> str:
        """Run one of the application's commands where it runs. Returns its output."""

    def attend_application(self, *words: str) -> int:
        """Run a command that has the terminal. Returns its exit code."""

    def attend_psql(self, *words: str) -> int:
        """Run psql on the database, at this terminal. Returns its exit code."""

    def follow_application(self, *arguments: str) -> Iterator[str]:
        """The same, with each line of the output as soon as it is written."""

"""What the commands ask of a stack, wherever it runs: in a cloud or on this machine."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from skytier.deploy.apply import Progress
from skytier.dump.client import Client
from skytier.errors import SkytierError
from skytier.metrics.source import Source
from skytier.metrics.view import View
from skytier.release.history import Releases, Rollback
from skytier.secrets.variables import Store
from skytier.status import JobStatus, ProcessStatus, Status
from skytier.watched import Watched


@dataclass(frozen=True)
class Outcome:
    """How `up` or a release ended."""

    url: str
    """The entry point."""
    changed: bool
    waits_for: str = ""
    """What has to happen outside the stack before visitors get in; empty for nothing."""
    not_watched: SkytierError | None = None
    """Why the stack runs without being watched as it should be."""
    ipv6_url: str = ""
    """The entry point by IPv6; empty for a stack without it."""
    ipv6_wrong: str = ""
    """What keeps visitors out by IPv6, as a sentence; empty where nothing is known to."""


class Backend(Protocol):
    """A stack and where it runs. Every method raises SkytierError when it cannot answer.

    Plans are of the backend's own types: its dialog shows them and asks, before they are carried
    out.
    """

    def plan(self, *, anew: bool = False, looks: bool = False) -> Any:
        """What `up` would do, or a release of the source with `anew`. Changes nothing.

        One that `looks` asks the machines what is wrong with them.
        """

    def choose_versions(self, plan: Any, *, upgrade: bool = False) -> str:
        """Write the versions of packages that no file pins beside the stack file.

        Those that are there stay, unless `upgrade` is given. Returns what was done; then the plan
        holds no more. Empty for nothing.
        """

    def up(self, approved: Any, progress: Progress) -> Outcome:
        """Carry out a plan: the stack is as wanted, and answers."""

    def release(
        self, approved: Any, progress: Progress, pause: Callable[[], None] | None = None
    ) -> Outcome:
        """Carry out what of a plan releases the application.

        `pause` is called before the second web server is switched; it raises what ends the run.
        """

    def removal(self, *, purge: bool) -> Any:
        """What `down` would take away. Changes nothing."""

    def down(self, progress: Progress, *, purge: bool = False) -> bool:
        """Take the stack away; keep its data where it can, unless `purge` is given.

        Returns whether there was anything.
        """

    def variables(self) -> Store:
        """The operator's secret variables."""

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

    def attend_psql(self, *words: str, replica: bool = False) -> int:
        """Run psql on the database, or on a replica of it, at this terminal.

        Returns its exit code.
        """

    def database_client(self, *, changes: bool) -> AbstractContextManager[Client]:
        """PostgreSQL's programs for the application's database, while the context is open.

        With `changes` nobody else changes the stack meanwhile.
        """

    def rotate_database_password(self, progress: Progress, *, now: bool) -> bool:
        """Change the application's password of the database. Returns False where it finished a
        change that was interrupted before. With `now`, nothing is waited for."""

    def follow_application(self, *arguments: str) -> Iterator[str]:
        """The same, with each line of the output as soon as it is written."""

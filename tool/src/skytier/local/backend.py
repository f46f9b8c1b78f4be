"""The stack on this machine, as the commands ask for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from skytier.backend import Outcome
from skytier.deploy.apply import Progress
from skytier.deploy.interruption import interrupted
from skytier.local import beside, logs
from skytier.local.monitor.source import source
from skytier.local.monitor.view import view
from skytier.local.planned import Plan
from skytier.local.psql import attend_psql, database_client
from skytier.local.rotation import rotate
from skytier.local.service import MACHINE_NAME, ROLE_NAME, STACK_NAME
from skytier.local.stack import LocalStack
from skytier.local.status import measure
from skytier.local.variables import HomeVariables
from skytier.metrics.reopened import reopened
from skytier.metrics.source import Source
from skytier.status import MachineStatus, Status
from skytier.watched import Cost, Watched

_FREE = Cost("USD", Decimal(0), [], "A stack on one's own machine has no price.")


class LocalBackend(LocalStack):
    """See `skytier.backend.Backend`."""

    status = measure
    attend_psql = attend_psql
    database_client = database_client
    rotate_database_password = rotate
    view = view
    processes_now = beside.processes
    jobs = beside.jobs
    run_job = beside.run_job

    def up(self, approved: Plan, progress: Progress) -> Outcome:
        """The same, with what Ctrl-C leaves."""
        with interrupted(
            "Interrupted half way. What was started goes on running.",
            "Run skytier up again: it continues where it stopped.",
        ):
            return super().up(approved, progress)

    def release(
        self, approved: Plan, progress: Progress, pause: Callable[[], None] | None = None
    ) -> Outcome:
        """The same as `up`. One server is switched: there is no place for a pause."""
        return self.up(approved, progress)

    def variables(self) -> HomeVariables:
        """In the home."""
        return HomeVariables(self.home)

    @contextmanager
    def source(self) -> Iterator[Source]:
        """Prometheus, or the history of the recorder."""
        yield source(self)

    @contextmanager
    def watched(self) -> Iterator[Watched]:
        """The stack as one machine, which has no price."""
        with reopened(self.source) as figures:
            yield Watched(
                STACK_NAME, None, figures, lambda: on_one_machine(self.status()), lambda: _FREE
            )

    def logs(self, source: str | None, *, follow: bool, lines: int) -> int:
        """The log files of a service, or of all."""
        return logs.show(self.home, source, follow=follow, lines=lines)


def on_one_machine(status: Status) -> Status:
    """The same services on the one machine that they all run on, as its figures know it."""
    machine = MachineStatus(
        name=MACHINE_NAME,
        role=ROLE_NAME,
        address=status.machines[0].address,
        healthy=status.healthy,
        services=[service for each in status.machines for service in each.services],
        addresses=status.machines[0].addresses,
        release=next((each.release for each in status.machines if each.release), None),
    )
    return replace(status, machines=[machine])

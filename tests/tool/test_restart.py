"""What is done with a machine that restarts meanwhile."""

from collections.abc import Callable

import pytest

from skytier.hosts.host import CommandError, UnreachableError
from skytier.hosts.restart import despite_restart


class Machine:
    """Says the number of its boot. `events` is what happened, in its order."""

    name = "shop-database-1"

    def __init__(self) -> None:
        self.boots, self.events = 1, list[str]()

    def run(self, script: str, stdin: bytes | None = None) -> str:
        assert "boot_id" in script
        return f"{self.boots}\n"

    def reach(self) -> None:
        self.events.append("reached")

    def doing(self, *attempts: Callable[[], None]) -> Callable[[], None]:
        left = iter(attempts)

        def do() -> None:
            self.events.append("done")
            next(left)()

        return do

    def restarts(self) -> None:
        self.boots += 1
        self.lost()

    def lost(self) -> None:
        raise UnreachableError("shop-database-1 cannot be reached: it does not answer.", "Wait.")

    def refuses(self) -> None:
        raise CommandError("It is full.", "Make room.", "full")

    def well(self) -> None:
        pass


def test_what_is_done_well_is_done_once() -> None:
    machine = Machine()
    despite_restart(machine, machine.reach, machine.doing(machine.well))
    assert machine.events == ["done"]


def test_it_is_done_once_more_after_a_restart() -> None:
    machine = Machine()
    despite_restart(machine, machine.reach, machine.doing(machine.restarts, machine.well))
    assert machine.events == ["done", "reached", "done"]


def test_a_machine_that_restarts_again_and_again_is_given_up() -> None:
    machine = Machine()
    with pytest.raises(UnreachableError):
        despite_restart(machine, machine.reach, machine.doing(machine.restarts, machine.restarts))
    assert machine.events == ["done", "reached", "done"]


def test_a_connection_that_was_lost_is_told_since_the_work_may_go_on_there() -> None:
    machine = Machine()
    with pytest.raises(UnreachableError, match="does not answer"):
        despite_restart(machine, machine.reach, machine.doing(machine.lost))
    assert machine.events == ["done", "reached"]


def test_what_the_machine_refuses_is_not_done_again() -> None:
    machine = Machine()
    with pytest.raises(CommandError):
        despite_restart(machine, machine.reach, machine.doing(machine.refuses))
    assert machine.events == ["done"]

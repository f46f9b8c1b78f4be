"""A new password of the database on this machine, while the application goes on serving."""

import signal
from contextlib import suppress

import psutil

from skytier import files
from skytier.deploy.apply import Progress, apply
from skytier.deploy.kind import Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.deploy.task import Task
from skytier.errors import SkytierError
from skytier.local import desired, lock, options
from skytier.local.application import DATABASE_URL, Application
from skytier.local.daemon import RunningConfig
from skytier.local.options import ELSEWHERE
from skytier.local.postgresql import PASSWORD, Postgresql
from skytier.local.processes import Processes
from skytier.local.service import changed, key
from skytier.local.stack import LocalStack
from skytier.poll import until
from skytier.services.postgresql import rotation
from skytier.services.postgresql.login import Login

NEXT = f"{PASSWORD}_next"
"""The file in `home.secrets` with a login that is to be the current one."""


class HomeLogin:
    """See `skytier.services.postgresql.rotation.Place`."""

    def __init__(self, postgresql: Postgresql, stack: LocalStack) -> None:
        self._next = stack.home.secrets / NEXT
        self._password = stack.home.secrets / PASSWORD
        self.current = postgresql.current
        self.sql = postgresql.sql

    def on_replicas(self, script: str) -> None:
        """There are none."""

    def kept_aside(self) -> Login | None:
        """A file beside the current one."""
        return Login.read(self._next.read_text()) if self._next.exists() else None

    def keep_aside(self, login: Login) -> None:
        """Only its owner can read it."""
        files.write(self._next, f"{login.text}\n", 0o600)

    def take_over(self) -> None:
        """By its name."""
        self._next.replace(self._password)


def rotate(stack: LocalStack, progress: Progress, *, now: bool = False) -> bool:
    """Change the password, start the application again with it, and end the former one.

    The former one ends once nothing of the application has it any more, or `now`. Returns False
    where it finished a rotation that was interrupted before. Raises SkytierError; the next run
    finishes what was begun.
    """
    stack.home.check_is_one()
    with lock.held(stack.home.lock):
        chosen = options.load(stack.home)
        if chosen.postgres == ELSEWHERE:
            raise SkytierError(
                "The database runs elsewhere, so its password cannot be changed here.",
                "Change it there. Then put the new URL into the variable SKYTIER_POSTGRES, and run "
                "skytier up.",
            )
        stack.program.stay()
        _check(stack, chosen)
        place = HomeLogin(stack.postgresql, stack)
        is_new = rotation.begin(place)
        url = stack.home.secrets / DATABASE_URL
        files.write(url, stack.postgresql.url() + "\n", 0o600)
        kinds = (Application.name, Processes.name)
        there = [each for each in stack.find() if each.key.kind in kinds]
        wanted = desired.wanted(_configs(stack, chosen), chosen, ())
        stack.carry_out(desired.steps(wanted, there), chosen, progress)

        def end(tell: Tell) -> str:
            if not is_new:
                _finish_others(stack, tell)
            if not now:
                _wait(stack, tell)
            rotation.finish(place)
            return "it does not log in any more"

        task = Task("old login", end)
        step = Step(Action.CREATE, key(task.name), "a rotation", (), Wanted(key(task.name), {}))
        progress.planned([step])
        apply([step], {task.name: task}, progress, Known())
    return is_new


def _configs(stack: LocalStack, chosen: options.Options) -> dict[str, RunningConfig]:
    configs = {Application.name: stack.application.config(chosen)}
    if stack.processes.wanted():
        configs[Processes.name] = stack.processes.config(chosen)
    return configs


def _check(stack: LocalStack, chosen: options.Options) -> None:
    """Raises SkytierError where the stack is not as it is wanted, but for the password."""
    found = {each.key.kind: each for each in stack.find()}
    configs = {Postgresql.name: stack.postgresql.config(chosen), **_configs(stack, chosen)}
    for kind, config in configs.items():
        there = found.get(kind)
        if there and there.id and there.fault and kind != Postgresql.name:
            continue  # its start was interrupted: it is started again
        if kind == Processes.name and stack.processes.was_cut_short:
            continue
        if there is None or there.fault or changed(config, there.attributes) - {"settings"}:
            raise SkytierError(
                f"The stack is not as it is wanted: {kind} does not run, or is to be changed.",
                "Bring it up first: skytier up",
            )


def _finish_others(stack: LocalStack, tell: Tell) -> None:
    """Tell what was replaced to finish: a run that was interrupted may not have come to that."""
    stack.processes.finish_others(tell)
    for each in stack.application.finishing():
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGTERM)


def _wait(stack: LocalStack, tell: Tell) -> None:
    """Wait until nothing of the application runs that is from before the new password."""

    def left() -> list[str]:
        url = stack.home.secrets / DATABASE_URL
        found = [*stack.application.finishing(), *stack.processes.from_before(url)]
        return [str(each.pid) for each in found]

    def ended() -> bool:
        tell(f"waiting for the processes {', '.join(pids)}" if (pids := left()) else "waiting")
        return not pids

    if not until(ended, rotation.WAIT_S):
        raise rotation.still_used(f"the processes {', '.join(left())}")

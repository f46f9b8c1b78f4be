"""Backups of a stack on a cloud, and its database restored from one."""

import threading
from collections.abc import Callable, Collection
from typing import TypeVar

from skytier.deploy import backups, restore
from skytier.deploy.apply import Progress, apply
from skytier.deploy.backups import Verified
from skytier.deploy.files import read_secrets
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.deploy.restore import Intended
from skytier.deploy.task import Task
from skytier.errors import SkytierError
from skytier.hosts.host import UnreachableError
from skytier.openstack.commands.database import database_of
from skytier.openstack.plan.releases import note_migrations
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.services.pgbackrest.info import Backup, Backups
from skytier.services.pgbackrest.secrets import KEY

Result = TypeVar("Result")


def listing(stack: CloudStack) -> list[Backups]:
    """The backups that are in each place. Raises SkytierError."""
    with database_of(stack) as host:
        return backups.everywhere(host, places(stack))


def newest(stack: CloudStack, among: Collection[str] | None = None) -> Backup | None:
    """The newest one, also only of some places; None where there is none of this database, or where
    that cannot be asked.

    Those to which the changes since do not arrive do not count, either.
    """
    all_of_them = places(stack)
    wanted = [each for each in all_of_them if among is None or each in among]
    try:
        with database_of(stack) as host:
            there = [
                each
                for each in backups.everywhere(host, wanted)
                if each.all and backups.arrive(host, each.place, among=all_of_them)
            ]
    except SkytierError:
        return None
    return max((each.newest for each in there), key=lambda each: each.ended, default=None)


def places(stack: CloudStack, named: str | None = None) -> list[str]:
    """The places of the backups, or the one that is named. Raises SkytierError if there is none."""
    return stack.stack.backup.named(named)


def back_up(stack: CloudStack, kind: str, progress: Progress) -> None:
    """Make a backup now: `full` or `diff`. Raises SkytierError."""
    with database_of(stack) as host:

        def make(tell: Tell) -> str:
            backups.make(host, kind, tell)
            there = backups.everywhere(host, places(stack))
            return ", ".join(each.newest.name for each in there)

        one_step("backup", host.name, make, progress)


def verify(stack: CloudStack) -> Verified:
    """Have the whole repository read. Raises SkytierError."""
    with database_of(stack) as host:
        return backups.verify(host, lambda text: None, places(stack))


def key(stack: CloudStack) -> str:
    """What the backups are encrypted with: of the machine, else the operator's copy.

    Raises SkytierError where neither has it.
    """
    try:
        # Of several members each has it.
        with database_of(stack, any_one=True) as host:
            found = read_secrets(host).get(KEY, "")
    except SkytierError:
        # The machine may be the one that was lost.
        found = ""
    if found:
        stack.operator.keep_backup_key(found)
    found = found or stack.operator.kept_backup_key()
    if not found:
        raise SkytierError(
            "The key of the backups is neither on the database server nor on this machine.",
            "Ask who else operates the stack: skytier backup key shows it to them.",
        )
    return found


def restore_intended(
    stack: CloudStack, asked: str, place: str | None = None, *, without_backup: bool = False
) -> Intended:
    """What a restore to `latest`, a time or a backup would do. Changes nothing.

    `place` is where it is to be taken from; None for the first that has it. Raises SkytierError for
    what cannot be restored.
    """
    with database_of(stack, any_one=without_backup) as host:
        return restore.intend(
            host, asked, places=places(stack, place), without_backup=without_backup
        )


def restore_to(stack: CloudStack, approved: Intended, progress: Progress) -> None:
    """Restore the database in place, under the stack's lock, and wait until it is well.

    Raises SkytierError; the next run goes on with what was interrupted.
    """
    lost = threading.Event()
    any_one = not approved.first
    with stack.held("restore", lost), database_of(stack, any_one=any_one) as host:
        # While the question was open, somebody else may have begun another one.
        restore.check_stand(host, approved)
        # Before it begins: it goes on by itself if this run is interrupted.
        note_migrations(Server(stack.project))

        def run(tell: Tell) -> str:
            try:
                restore.restore(host, approved, tell)
            except UnreachableError as error:
                raise SkytierError(
                    f"The connection is lost; the restore goes on. {error.what}",
                    "Run no second one. See how it ends: skytier status, and skytier backup list.",
                ) from error
            return approved.target.words

        one_step("restore", host.name, run, progress)


def told_step(name: str, host: str, run: Callable[[Tell], Result], progress: Progress) -> Result:
    """What something returns that is shown as a step, and makes nothing."""
    results: list[Result] = []

    def shown(tell: Tell) -> str:
        results.append(run(tell))
        return "done"

    one_step(name, host, shown, progress)
    return results[0]


def one_step(
    name: str,
    host: str,
    run: Callable[[Tell], str],
    progress: Progress,
    stop: threading.Event | None = None,
) -> None:
    """Run something that makes nothing, as a step that is shown. It returns the result in words.

    Once `stop` is set, it is not begun: see `apply`.
    """
    task = Task(name, run)
    key = Key(name, host)
    step = Step(Action.CHANGE, key, "", (), Wanted(key, {}), Found(key, "", {}))
    apply([step], {name: task}, progress, Known(), stop, RepeatedCalls())

"""Restoring the database in place, on the machine that has it.

A program on the machine does it, and goes on when whoever asked for it goes away. It writes down
how far it is, so the next run sees what was interrupted.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from skytier.deploy import backups
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError, together
from skytier.hosts.host import Host
from skytier.services.pgbackrest import timelines
from skytier.services.pgbackrest.config import HOMES, SECRETS_CONF, STATE
from skytier.services.pgbackrest.info import Backup, Backups, lacks
from skytier.services.pgbackrest.target import LATEST, Target, target
from skytier.services.postgresql.config import NAME
from skytier.stackfile.backup import SECOND

UNIT = "skytier-restore.service"
INSTALLED = """
found=$(cd /etc/postgresql && ls -d */main/conf.d/skytier.conf | cut -d / -f 1) 2>/dev/null
[ -n "$found" ] || found=$(ls /usr/lib/postgresql)
sort --numeric-sort <<<"$found" | tail -n 1
"""
"""Prints the major version of PostgreSQL that a machine runs, or the newest that is installed."""
RESTORED = "The database is restored."
"""How the program begins when only what follows a restore failed."""
_FOREIGN = "foreign"
"""The file that notes that the backups of a place are of another database; ends with its suffix."""
_STANDS = f"""
cd {STATE} 2>/dev/null || exit 0
[ -e unfinished ] && echo unfinished
ls -d foreign foreign-* 2>/dev/null
[ "$(systemctl is-active {UNIT})" != activating ] || echo running
exit 0
"""
_TABLES = f"""
cd / && runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align --dbname={NAME} --command="
    SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
"""  # noqa: S608
_VERSION = rf"sed -n 's|^pg1-path=/var/lib/postgresql/\([0-9]*\)/.*|\1|p' {SECRETS_CONF}"
_WANTED = f"""
umask 077
cd {STATE} && cat >wanted.new || exit 1
# Files that were copied for something else are no beginning.
cmp --quiet <(sed 5d wanted.new) <(sed 5d wanted) || rm -f copied
mv wanted.new wanted
rm -f restore
"""


@dataclass(frozen=True)
class Stand:
    """How things are on the machine before a restore."""

    running: bool
    """Whether one is going on."""
    unfinished: bool
    """Whether one was interrupted, so that the data is neither the old nor the new."""
    empty: bool
    """Whether the database has no tables, and the backups are of the one before it."""


@dataclass(frozen=True)
class Intended:
    """What is about to be done, for a person to approve."""

    target: Target
    stand: Stand
    first: bool
    """Whether a backup of what is there now is made first."""
    others: Sequence[str] = ()
    """The places of the backups that could have been taken instead."""


def intend(
    host: Host,
    asked: str,
    *,
    places: Collection[str] = backups.ALONE,
    without_backup: bool = False,
) -> Intended:
    """What a restore would do, from the first place that has what is asked. Changes nothing.

    Raises SkytierError for what cannot be restored.
    """
    found = backups.everywhere(host, places)
    if asked == LATEST:
        found = by_newest(found)
    there, wanted = choose(
        found,
        lambda there: _target(host, asked, there, found),
        lambda place: backups.segments(host, place),
    )
    stand = _stand(host, wanted.place)
    # One that is unfinished may have ended its recovery: the program on the machine looks.
    check_version(begins(there, wanted), host.run(_VERSION).strip(), host.name)
    others = [each.place for each in found if each.place != wanted.place]
    return Intended(wanted, stand, not (stand.empty or without_backup), others)


def by_newest(found: Iterable[Backups]) -> list[Backups]:
    """Several places, the one with the newest state first: one that was away may have less."""

    def state(there: Backups) -> tuple[float, str]:
        database, _, segment = there.archived.partition("/")
        # Another version of PostgreSQL begins the names anew.
        return float(database.partition("-")[0] or 0), segment

    return sorted(found, key=state, reverse=True)


def choose(
    found: Iterable[Backups],
    wanted: Callable[[Backups], Target],
    segments: Callable[[str], Sequence[str]],
) -> tuple[Backups, Target]:
    """The first of several places that has what is wanted, and what that is there.

    One whose archive has a hole after the backup that a recovery begins with comes after those
    without: the recovery would end at the hole. `segments` lists the archive of a place. Raises a
    SkytierError where none has it.
    """
    able, errors = [], []
    for there in found:
        try:
            able.append((there, wanted(there)))
        except SkytierError as error:
            errors.append(error)
    if not able:
        raise together(errors)
    if len(able) == 1:
        return able[0]
    whole = (
        (there, target)
        for there, target in able
        if target.kind == "immediate" or not lacks(segments(there.place), begins(there, target))
    )
    return next(whole, able[0])


def begins(there: Backups, wanted: Target) -> Backup:
    """The backup that a recovery begins with."""
    return next((each for each in there.all if each.name == wanted.backup), there.newest)


def _target(host: Host, asked: str, there: Backups, places: Sequence[Backups]) -> Target:
    # Of a place without backups nothing else need be asked.
    newest = there.newest
    told = host.run(timelines.histories(HOMES[there.place].options))
    found = target(asked, there, backups.now(host), timelines.successors(told), places)
    if asked == LATEST and (len(places) > 1 or there.place == SECOND):
        # Timelines that only the other place knows are not followed, and their numbers not taken.
        found = replace(found, timeline=str(timelines.newest(told, newest.timeline)))
    return found


def check_version(backup: Backup, installed: str, name: str) -> None:
    """Raises SkytierError where PostgreSQL on the machine `name` cannot read a backup."""
    if backup.version in ("", installed):
        return
    raise SkytierError(
        f"The backup {backup.name} is of PostgreSQL {backup.version}, and {name} has {installed}, "
        "which cannot read its files.",
        f"Restore it into another stack, whose stack file has database.version = {backup.version}: "
        "skytier restore --to ... --into ... What is here stays as it is.",
    )


def check_stand(host: Host, approved: Intended) -> None:
    """Raises SkytierError where things are not any more as they were when it was approved."""
    if _stand(host, approved.target.place) != approved.stand:
        raise SkytierError(
            "Another restore has started or ended in the meantime.",
            "See how it ended before you begin another: skytier status, and skytier backup list.",
        )


def restore(host: Host, intended: Intended, tell: Tell) -> None:
    """Carry it out, or wait for one that is going on. Raises SkytierError."""
    if not intended.stand.running:
        host.run(_WANTED, intended.target.text(first=intended.first).encode())

    def told(_: str) -> None:
        tell(_said(host).partition("\n")[0] or "beginning")

    backups.run(host, UNIT, told, "", start=not intended.stand.running)
    said = _said(host)
    if said.partition("\n")[0] == "done":
        return
    why = said.partition("\n")[2].strip() or "It was interrupted."
    if not why.startswith(RESTORED):
        why = f"The database of {host.name} is not restored. {why}"
    raise SkytierError(why, _advice(host, why, intended))


def _advice(host: Host, why: str, intended: Intended) -> str:
    if not _stand(host, intended.target.place).unfinished:
        if "no backup can be made" in why:
            return (
                "Nothing is changed yet. If PostgreSQL cannot be started any more (skytier logs "
                "database), restore without a backup; what is there now is lost then: skytier "
                "restore --to latest --without-backup"
            )
        if "No backup could be made" in why:
            return (
                "Nothing is changed yet. Fix the cause (skytier status, skytier "
                "backup now), then restore again."
            )
        return "See skytier status."
    if "requested timeline" in why:
        return (
            "The newest timeline has no backup: a restore before this one was not followed by one, "
            "and its changes begin before the newest backup. The data is unfinished, and "
            "PostgreSQL is stopped. Restore a backup by its name (skytier backup list), or a "
            "moment: skytier restore --to NAME"
        )
    if "recovery ended before configured recovery target" in why:
        return ". ".join(
            [
                "The archive has no change after that moment. The data is unfinished, and "
                "PostgreSQL is stopped. Restore an earlier moment, a backup by its name, or the "
                "newest state that there is: skytier restore --to latest",
                *(f"Or the same from the other place: --from {each}" for each in intended.others),
            ]
        )
    return (
        "The data is unfinished. Go on, to the same moment or to another one: skytier restore "
        "--to ..."
    )


def _stand(host: Host, place: str) -> Stand:
    words = host.run(_STANDS).split()
    foreign = [each for each in words if each.startswith(_FOREIGN)]
    # Only the database of a machine that took the place of a lost one is known to be empty. It was
    # when a restore began, during which PostgreSQL does not answer.
    begun = "unfinished" in words or "running" in words
    empty = bool(foreign) and (begun or host.run(_TABLES).strip() == "0")
    if f"{_FOREIGN}{HOMES[place].suffix}" in foreign and not empty:
        raise SkytierError(
            f"The backups are of another database than the one on {host.name}, and that one has "
            "tables: a restore would overwrite it, and no backup of it exists.",
            "Keep it first if you need it: skytier database export FILE. Then name another place "
            "in the section [backup], run skytier up, and there is a backup of it.",
        )
    return Stand("running" in words, "unfinished" in words, empty)


def _said(host: Host) -> str:
    return host.run(f"cat {STATE}/restore 2>/dev/null || true").strip()

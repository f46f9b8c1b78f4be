"""Backups of the database, asked for on the machine that has it, wherever that is."""

import shlex
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError, together
from skytier.hosts.host import CommandError, Host
from skytier.services.pgbackrest import info
from skytier.services.pgbackrest.config import HOMES, PROGRAMS, STANZA, STATE
from skytier.services.pgbackrest.info import Backups
from skytier.stackfile.backup import FIRST

POLL_S = 1.0
_SEGMENTS = f"repo-ls archive/{STANZA} --recurse"
ALONE = (FIRST,)
"""The places of backups where there is one."""
_ARRIVE = f"""
cd {STATE} && [ ! -e foreign{{0}} ] && [ ! -e unfinished ] || exit 0{{1}}
cd / && runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align --dbname=postgres \\
    --command="SELECT 'yes' FROM pg_stat_archiver
        WHERE last_failed_time IS NULL OR last_failed_time <= last_archived_time{{2}}" || true
"""  # noqa: S608
_DROPPED = """
[ ! -e {0}/dropped ] || (($(<{0}/dropped) < $(cat completed{1} 2>/dev/null || echo 0))) || exit 0"""
"""What was dropped since the last backup never arrives."""
_HANDED_OVER = f"""
           OR NOT EXISTS (SELECT FROM pg_ls_archive_statusdir()
               WHERE name ~ '[.]ready$'
                 AND (name <= last_failed_wal || '.ready' OR modification < now() - interval '60 s')
                 AND (pg_stat_file('{{0}}/archive/{STANZA}/out/' || left(name, -6) || '.ok', true)
                     ).size IS DISTINCT FROM 0)"""  # noqa: S608
"""With two places PostgreSQL asks until both have a file. What one of them has is noted down: with
a text in it if it was dropped."""
# A unit that is asked for is not under way at once: its job waits, and it is inactive as long.
_STATE = (
    '[ -z "$(systemctl list-jobs --plain --no-legend UNIT)" ] || { echo activating; exit 0; }; '
    "systemctl is-active UNIT || true"
)
_JOURNAL = (
    "journalctl --unit={0} --since=@{1} --lines=20 --output=cat --no-pager --quiet | "
    "grep -v pam_unix"
)


@dataclass(frozen=True)
class Verified:
    """What `pgbackrest verify` found."""

    text: str
    """What it says of backups and of the archive."""
    wrong: bool
    """Whether something is missing or damaged."""


def listing(host: Host, place: str = FIRST) -> Backups:
    """The backups that are in a place. Raises SkytierError."""
    _check_there(host)
    try:
        return info.read(host.run(f"{_pgbackrest(place)} info --output=json"), place)
    except CommandError as error:
        raise _unreachable(error) from None


def arrive(host: Host, place: str = FIRST, *, among: Collection[str] = ALONE) -> bool:
    """Whether the backups are of the database that runs here, and what is written arrives in a
    place of them, which is one `among` several."""
    home, dropped, also = HOMES[place], "", ""
    if len(among) > 1:
        dropped = _DROPPED.format(home.spool, home.suffix)
        also = _HANDED_OVER.format(home.spool)
    return host.run(_ARRIVE.format(home.suffix, dropped, also)).strip() == "yes"


def everywhere(host: Host, places: Collection[str]) -> list[Backups]:
    """The backups of each place; of one that cannot be read, only why.

    Raises SkytierError where none can be read.
    """
    found, errors = [], []
    for place in places:
        try:
            found.append(listing(host, place))
        except SkytierError as error:
            errors.append(error)
            found.append(Backups([], error.what, place))
    if errors and len(errors) == len(found):
        raise together(errors)
    return found


def segments(host: Host, place: str) -> list[str]:
    """The names of all files in the archive of a place; none where it cannot be read."""
    try:
        return _archived(host, place)
    except CommandError:
        return []


def _archived(host: Host, place: str) -> list[str]:
    return host.run(f"{_pgbackrest(place)} {_SEGMENTS}").splitlines()


def make(host: Host, kind: str, tell: Tell) -> None:
    """Make a backup now: `full` or `diff`. Raises SkytierError.

    It goes on on the machine when whoever asked for it goes away.
    """
    _check_there(host)
    unit = f"skytier-backup@{kind}.service"
    began = int(host.run("date +%s"))
    run(host, unit, tell, f"a {kind} backup is being made")
    if host.run(f"systemctl is-failed {unit} || true").strip() == "failed":
        said = host.run(_JOURNAL.format(unit, began)).strip()
        raise SkytierError(
            f"The backup failed. pgBackRest says:\n{said}",
            "Fix the cause, then run it again: skytier backup now",
        )


def verify(host: Host, tell: Tell, places: Collection[str] = ALONE) -> Verified:
    """Have every file of each place read, and its checksum compared. Raises SkytierError.

    It goes on on the machine when whoever asked for it goes away.
    """
    everywhere(host, places)
    run(host, "skytier-verify.service", tell, "all backups are being read")
    found = {place: _verified(host, place) for place in places}
    if len(found) == 1:
        return next(iter(found.values()))
    said = [f"The {place} place:\n{each.text}" for place, each in found.items()]
    return Verified("\n".join(said), any(each.wrong for each in found.values()))


def _verified(host: Host, place: str) -> Verified:
    suffix = HOMES[place].suffix
    said = host.run(f"cat {STATE}/verify{suffix}").strip()
    try:
        missing = info.gaps(_archived(host, place))
    except CommandError as error:
        return Verified(f"{said}\n{_unreachable(error).what}", wrong=True)
    if missing:
        said += f"\nThe archive of changes lacks {', '.join(missing)}."
    wrong = bool(missing) or "status: ok" not in map(str.strip, said.splitlines())
    if not wrong:
        host.run(f"date +%s >{STATE}/verified{suffix}; {PROGRAMS}/backup-metrics")
    return Verified(said, wrong)


def _pgbackrest(place: str) -> str:
    return f"cd / && runuser -u postgres -- {HOMES[place].command}"


def run(host: Host, unit: str, tell: Tell, what: str, *, start: bool = True) -> None:
    """Have a unit of the machine do its work, and wait for its end; without `start`, only wait.

    A unit whose job still waits is at work, too.
    """
    if start:
        host.run(f"systemctl start --no-block {shlex.quote(unit)}")
    working = ("activating", "deactivating")
    asked = _STATE.replace("UNIT", shlex.quote(unit))
    while (state := host.run(asked).strip()) in working:
        tell(what)
        time.sleep(POLL_S)
    if state not in ("active", "inactive", "failed"):
        raise SkytierError(f"{unit} on {host.name} is {state}.", f"See skytier logs {host.name}.")


def now(host: Host) -> datetime:
    """The time of the machine's clock, which its changes are written down with."""
    return datetime.fromtimestamp(float(host.run("date +%s.%N")), UTC)


def _check_there(host: Host) -> None:
    if host.run(f"[ -x {PROGRAMS}/restore ] && [ -d {STATE} ] && echo yes || true"):
        return
    raise SkytierError(
        f"{host.name} makes no backups.",
        "Say in the section [backup] of the stack file where they should go, then run skytier up.",
    )


def _unreachable(error: CommandError) -> SkytierError:
    said = error.output.strip()
    if info.is_of_wrong_key(said):
        return info.wrong_key()
    return SkytierError(
        f"The place of the backups cannot be read. pgBackRest says:\n{said}",
        "If it cannot be reached, ask who runs it. See skytier status for what waits there.",
    )

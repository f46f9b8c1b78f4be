"""A copy of a database: restored from the backups of another stack, which are only read.

The machine that gets it is another stack's. Its database is overwritten, and its passwords stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skytier.deploy import backups, program
from skytier.deploy.apply import StoppedError
from skytier.deploy.kind import Tell
from skytier.deploy.restore import INSTALLED, begins, by_newest, check_version, choose
from skytier.errors import SkytierError, together
from skytier.hosts.host import Host, UnreachableError
from skytier.services.pgbackrest import copy, info, timelines
from skytier.services.pgbackrest.config import STATE, pgbackrest_conf, trusted
from skytier.services.pgbackrest.info import Backups
from skytier.services.pgbackrest.program import secret_files
from skytier.services.pgbackrest.secrets import KEY_VARIABLE
from skytier.services.pgbackrest.target import LATEST, Target, target
from skytier.stackfile import StackFile
from skytier.stackfile.backup import FIRST
from skytier.topology import ObjectStore


@dataclass(frozen=True)
class Original:
    """The stack whose backups are restored, as a machine of another one has to know it."""

    stack: StackFile
    store: ObjectStore | None
    """None where the place has no S3 API."""
    secrets: Mapping[str, str] = field(repr=False)
    """The key of the backups, and that of the S3 API or of the host."""
    place: str = FIRST
    """Which of the places of the backups it is."""


def restore(
    host: Host, originals: Sequence[Original], asked: str, tell: Tell, *, watched: bool
) -> Target:
    """Restore a copy in the database of a machine, from the first place that has what is asked.

    Returns what it has then. Raises SkytierError. `watched` is whether the machine's own stack has
    a monitor. One that was interrupted begins anew.
    """
    _check_there(host)
    version = host.run(INSTALLED).strip()
    places = {each.place: _place(each, version) for each in originals}
    found, after, names, errors = [], {}, {}, []
    for each in originals:
        try:
            there, after[each.place], names[each.place] = _listing(
                host, places[each.place], each, tell
            )
        except (StoppedError, UnreachableError):
            raise
        except SkytierError as error:
            errors.append(error)
        else:
            found.append(there)
    if not found:
        raise together(errors)
    if asked == LATEST:
        found = by_newest(found)
    there, wanted = choose(
        found,
        lambda there: target(asked, there, backups.now(host), after[there.place], found),
        names.__getitem__,
    )
    place = places[there.place]
    check_version(begins(there, wanted), version, host.name)
    try:
        program.run(host, copy.restoring(place, wanted, version, watched=watched), tell)
    except StoppedError:
        raise
    except UnreachableError as error:
        raise SkytierError(
            f"The connection was lost, so it is not known how the restore ends. {error.what}",
            "Run the same command again: it starts the restore again.",
        ) from error
    except SkytierError as error:
        raise SkytierError(
            f"The copy on {host.name} is not restored. {error.what}", _advice(error.what)
        ) from error
    return wanted


def is_unfinished(host: Host) -> bool:
    """Whether a restore of a copy in the database of a machine was interrupted."""
    return host.run(f"[ ! -e {STATE}/unfinished ] || echo yes").strip() == "yes"


def _place(original: Original, version: str) -> copy.Place:
    stack, place = original.stack, original.place
    return copy.Place(
        pgbackrest_conf(stack, original.store, place),
        secret_files(
            *(stack.backup, original.secrets, place),
            directory=copy.DIRECTORY,
            data=copy.data(version),
            own=copy.OWN,
        ),
        trusted(stack, place),
    )


def _listing(
    host: Host, place: copy.Place, original: Original, tell: Tell
) -> tuple[Backups, Mapping[int, int], Sequence[str]]:
    """The backups, which timeline goes on in which one, and the files of the archive."""

    def told(_: str) -> None:
        tell("reading the list of backups")

    trouble = None
    try:
        said = program.run(host, copy.listing(place), told)
    except (StoppedError, UnreachableError):
        raise
    except SkytierError as error:
        said, trouble = error.what, error
    if info.is_of_wrong_key(said):
        raise SkytierError(
            f"The backups of {original.stack.name} cannot be decrypted with the key that is known "
            "here.",
            f"Run it again with the right one in the variable {KEY_VARIABLE}, this once.",
        )
    if trouble:
        raise trouble
    told_of, _, listed = said.partition(f"{copy.LISTED}\n")
    told_of, _, names = told_of.partition(f"{copy.ARCHIVED}\n")
    there = info.read(listed, original.place)
    return there, timelines.successors(told_of), names.splitlines()


def _advice(said: str) -> str:
    if "recovery ended before configured recovery target" in said:
        return (
            "The archive has no change after that moment yet. Ask for an earlier one, or for the "
            "newest state that there is: --to latest"
        )
    return "Fix the cause, then run the same command again: it starts the restore again."


def _check_there(host: Host) -> None:
    if host.run("command -v pgbackrest || true"):
        return
    raise SkytierError(
        f"{host.name} has no pgBackRest, which reads the backups.",
        'Write packages = ["pgbackrest"] into the section [database] of the stack file of the '
        "copy, then run it again.",
    )

"""The programs that restore the backups of a stack in the database of another one, its copy."""

from collections.abc import Mapping
from dataclasses import dataclass

from skytier.render import render
from skytier.services.pgbackrest.config import PACKAGE, STANZA, STATE, restore_command
from skytier.services.pgbackrest.program import RUN, Program, configuration, files
from skytier.services.pgbackrest.service import COPYING
from skytier.services.pgbackrest.target import Target
from skytier.services.pgbackrest.timelines import histories
from skytier.services.postgresql.service import login_sh
from skytier.services.service import UNITS

UNIT = COPYING
DIRECTORY = f"{RUN}/{UNIT}"
POSTGRESQL = "/var/lib/postgresql"
OWN = f"{POSTGRESQL}/skytier-restore-copy"
"""pgBackRest's queue and locks: on the disk of the data, since memory may be small."""
DROPIN = f"{UNITS}/postgresql@.service.d/skytier-copied.conf"
"""Keeps PostgreSQL from being started by others while it is unfinished."""
_CONFIGURATION = f"--config={DIRECTORY}/pgbackrest.conf --config-include-path={DIRECTORY}/conf.d"
_PLACES = f"{_CONFIGURATION} --stanza={STANZA}"
ARCHIVED, LISTED = "archive:", "backups:"
"""The lines between the timelines, the files of the archive and the backups, in what `listing`
gives."""


def data(version: str) -> str:
    """PostgreSQL's directory, which is overwritten."""
    return f"{POSTGRESQL}/{version}/main"


@dataclass(frozen=True)
class Place:
    """What pgBackRest is told to read the backups."""

    conf: str
    secrets: Mapping[str, str]
    """Files for DIRECTORY: see `secret_files`."""
    trusted: Mapping[str, str]
    """The files that `conf` names, by which the place is known: path to text."""


def listing(place: Place) -> Program:
    """Lists the timelines, as `timelines` reads them, the files of the archive, and the backups, as
    pgBackRest's JSON."""
    values = {
        "directory": DIRECTORY,
        "own": OWN,
        "places": _PLACES,
        "stanza": STANZA,
        "histories": histories(_CONFIGURATION),
        "archived": ARCHIVED,
        "listed": LISTED,
    }
    return _program(render(PACKAGE, "list-copy.sh", **values), place)


def restoring(place: Place, target: Target, version: str, *, watched: bool) -> Program:
    """Restores what is wanted. The passwords of the machine's own stack are in force then.

    `version` is that of PostgreSQL; `watched` is whether that stack has a monitor.
    """
    values = {
        "directory": DIRECTORY,
        "state": STATE,
        "own": OWN,
        "dropin": DROPIN,
        "version": version,
        "data": data(version),
        "places": _PLACES,
        "restore_command": restore_command(f"pgbackrest {_PLACES}"),
        "copy": True,
        "both": False,
        "tablespaces": f"{POSTGRESQL}/{version}/tablespaces",
        "login": login_sh(watched=watched),
    }
    program = render(PACKAGE, "restore-copy.sh", **values)
    return _program(program, place, target.text(first=False))


def _program(text: str, place: Place, wanted: str = "") -> Program:
    texts = {
        "program": text,
        **configuration(place.conf, place.trusted, DIRECTORY),
        **place.secrets,
        "wanted": wanted,
    }
    return Program(UNIT, files(DIRECTORY, texts), [OWN])

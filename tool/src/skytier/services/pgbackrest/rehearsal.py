"""The programs of a rehearsal: one marks the database, the other restores a copy up to there."""

from collections.abc import Mapping

from skytier.render import render
from skytier.services.pgbackrest.config import HOMES, PACKAGE, STANZA
from skytier.services.pgbackrest.program import RUN, Program, files
from skytier.services.postgresql.config import NAME
from skytier.stackfile.backup import FIRST

UNIT = "skytier-rehearsal"
DIRECTORY = f"{RUN}/{UNIT}"
DATA = "/var/lib/postgresql/skytier-rehearsal"
"""Where the copy is: on the disk of the data."""
ROOM = "/var/lib/postgresql"
LEFT = Program(UNIT, (), [DATA])
"""What one leaves that was interrupted."""
LOCK_MS, TRIES, PAUSE_S = 800, 12, 5
"""How long changes may wait for the marker, in milliseconds; how often that is tried; and how long
apart. Shorter than PostgreSQL's deadlock_timeout: so whoever waits in a circle with it is never the
one that gets an error."""
ARCHIVED_S = 600
"""How long the archive may take until it has the marker."""


def marking(name: str, place: str = FIRST) -> Program:
    """Marks the log of changes with a restore point, and reads what the database holds there.

    It ends when the archive of a place of the backups has it.
    """
    unit = "skytier-rehearsal-marker"
    directory = f"{RUN}/{unit}"
    values = {
        "directory": directory,
        "name": name,
        # What is there has been handed over, also if another place lacks it still.
        "handed_over": f"{HOMES[place].spool}/archive/{STANZA}/out/",
        "database": NAME,
        "lock_ms": LOCK_MS,
        "tries": TRIES,
        "pause_s": PAUSE_S,
        "archived_s": ARCHIVED_S,
    }
    texts = {
        "program": render(PACKAGE, "rehearsal-marker.sh", **values),
        "oldest": render(PACKAGE, "rehearsal-oldest.sh"),
        "marker.sql": render(PACKAGE, "rehearsal-marker.sql", **values),
        "contents.sql": render(PACKAGE, "rehearsal-contents.sql"),
    }
    return Program(unit, files(directory, texts))


def restoring(
    *,
    marker: str,
    backup: str,
    version: str,
    conf: Mapping[str, str],
    secrets: Mapping[str, str],
    spare_bytes: int | None,
) -> Program:
    """Restores a backup into DATA, replays the log up to a restore point, and reads what is there.

    `conf` and `secrets` are files for DIRECTORY: see `configuration` and `secret_files`. Something
    else runs on the machine where `spare_bytes` is given: so much of the disk is left to it.
    """
    values = {
        "directory": DIRECTORY,
        "data": DATA,
        "stanza": STANZA,
        "marker": marker,
        "backup": backup,
        "version": version,
        "database": NAME,
        "shared_buffers_mib": 128 if spare_bytes is None else 32,
        "room": ROOM,
        "spare_bytes": spare_bytes,
    }
    texts = {
        "program": render(PACKAGE, "rehearsal.sh", **values),
        **conf,
        **secrets,
        "contents.sql": render(PACKAGE, "rehearsal-contents.sql"),
    }
    return Program(UNIT, files(DIRECTORY, texts), [DATA])

"""The programs of a rehearsal: one marks the database, the other restores a copy up to there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skytier.render import render
from skytier.services.application.service import S3_KEY
from skytier.services.pgbackrest.config import PACKAGE, STANZA
from skytier.services.pgbackrest.secrets import ACCESS, KEY, SECRET_ACCESS
from skytier.services.postgresql.config import NAME
from skytier.services.setup import File
from skytier.stackfile.backup import BackupSection

DATA = "/var/lib/postgresql/skytier-rehearsal"
"""Where the copy is: on the disk of the data."""
ROOM = "/var/lib/postgresql"
RUN = "/run"
LOCK_MS, TRIES, PAUSE_S = 800, 12, 5
"""How long changes may wait for the marker, in milliseconds; how often that is tried; and how long
apart. Shorter than PostgreSQL's deadlock_timeout: so whoever waits in a circle with it is never the
one that gets an error."""
ARCHIVED_S = 600
"""How long the archive may take until it has the marker."""


@dataclass(frozen=True)
class Program:
    """A bash script that runs as a unit of systemd, so that it ends as a whole.

    It says in DIRECTORY/state what it is at: `failed` with the reason in the lines after it, or
    `done`.
    """

    unit: str
    files: Sequence[File]
    data: str = ""
    """A directory that goes with it; empty for none."""

    @property
    def directory(self) -> str:
        """Where its files are, and what it says. It is in memory, so secrets are on no disk."""
        return f"{RUN}/{self.unit}"


def marking(name: str) -> Program:
    """Marks the log of changes with a restore point, and reads what the database holds there."""
    unit = "skytier-rehearsal-marker"
    directory = f"{RUN}/{unit}"
    values = {
        "directory": directory,
        "name": name,
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
    return Program(unit, _files(directory, texts))


def restoring(
    *, marker: str, backup: str, version: str, conf: str, secrets_conf: str, alone: bool
) -> Program:
    """Restores a backup into DATA, replays the log up to a restore point, and reads what is there.

    `alone` is whether nothing else runs on the machine.
    """
    unit = "skytier-rehearsal"
    directory = f"{RUN}/{unit}"
    values = {
        "directory": directory,
        "data": DATA,
        "stanza": STANZA,
        "marker": marker,
        "backup": backup,
        "version": version,
        "database": NAME,
        "shared_buffers_mib": 128 if alone else 32,
    }
    texts = {
        "program": render(PACKAGE, "rehearsal.sh", **values),
        "pgbackrest.conf": conf,
        "conf.d/secrets.conf": secrets_conf,
        "contents.sql": render(PACKAGE, "rehearsal-contents.sql"),
    }
    return Program(unit, _files(directory, texts), DATA)


def secrets_conf(backup: BackupSection, secrets: Mapping[str, str]) -> str:
    """What pgBackRest is told besides its usual configuration: where the copy is, and the secrets.

    A section for the stanza comes before `[global]`, so it has a queue and locks of its own there.
    """
    lines = ["[global]", f"repo1-cipher-pass={secrets[KEY].strip()}"]
    if backup.makes_key:
        access, _, secret = secrets[S3_KEY].strip().partition(":")
        lines += [f"repo1-s3-key={access}", f"repo1-s3-key-secret={secret}"]
    elif backup.takes_key:
        lines += [
            f"repo1-s3-key={secrets[ACCESS].strip()}",
            f"repo1-s3-key-secret={secrets[SECRET_ACCESS].strip()}",
        ]
    lines += [
        f"[{STANZA}]",
        f"pg1-path={DATA}/main",
        f"spool-path={DATA}/spool",
        f"lock-path={DATA}/lock",
    ]
    return "\n".join(lines) + "\n"


def _files(directory: str, texts: Mapping[str, str]) -> list[File]:
    return [
        File(f"{directory}/{name}", text, 0o640, group="postgres") for name, text in texts.items()
    ]

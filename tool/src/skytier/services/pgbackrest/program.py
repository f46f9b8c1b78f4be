"""Programs that restore a copy with the secrets of the backups, and leave none of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skytier.services.application.service import S3_KEY
from skytier.services.pgbackrest.config import STANZA
from skytier.services.pgbackrest.secrets import GIVEN, KEY
from skytier.services.setup import File
from skytier.stackfile.backup import FIRST, BackupSection

RUN = "/run"


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


def secrets_conf(
    backup: BackupSection, secrets: Mapping[str, str], place: str = FIRST, *, data: str, own: str
) -> str:
    """What pgBackRest is told besides its usual configuration: where the copy is, and the secrets.

    `place` is that of the backups. `data` is PostgreSQL's directory. A section for the stanza comes
    before `[global]`, so it has a queue and locks in a directory of its own, `own`.
    """
    lines = ["[global]", f"repo1-cipher-pass={secrets[KEY].strip()}"]
    if backup.places[place].makes_key:
        access, _, secret = secrets[S3_KEY].strip().partition(":")
        lines += [f"repo1-s3-key={access}", f"repo1-s3-key-secret={secret}"]
    elif backup.places[place].takes_key:
        access, secret = (secrets[name].strip() for name in GIVEN[place])
        lines += [f"repo1-s3-key={access}", f"repo1-s3-key-secret={secret}"]
    lines += [
        f"[{STANZA}]",
        f"pg1-path={data}",
        f"spool-path={own}/spool",
        f"lock-path={own}/lock",
    ]
    return "\n".join(lines) + "\n"


def files(directory: str, texts: Mapping[str, str]) -> list[File]:
    """The files of a program, by their names in its directory, for PostgreSQL's user to read."""
    return [
        File(f"{directory}/{name}", text, 0o640, group="postgres") for name, text in texts.items()
    ]

"""Programs that restore a copy with the secrets of the backups, and leave none of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

from skytier.services.application.service import S3_KEY
from skytier.services.pgbackrest.config import SSH_KEY, STANZA
from skytier.services.pgbackrest.secrets import GIVEN, KEY, SSH_KEYS
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
    owned: Sequence[str] = ()
    """Files and directories that go with it, besides its own directory."""
    properties: Sequence[str] = ()
    """Of the unit: `MemoryMax=512M`."""
    reader: str = "postgres"
    """The group that reads its files, besides root."""

    @property
    def directory(self) -> str:
        """Where its files are, and what it says. It is in memory, so secrets are on no disk."""
        return f"{RUN}/{self.unit}"


def secret_files(
    backup: BackupSection,
    secrets: Mapping[str, str],
    place: str = FIRST,
    *,
    directory: str,
    data: str,
    own: str,
) -> dict[str, str]:
    """What pgBackRest is told besides its usual configuration: where the copy is, and the secrets.

    By the names of the files in `directory`. `place` is that of the backups. `data` is PostgreSQL's
    directory. A section for the stanza comes before `[global]`, so it has a queue and locks in a
    directory of its own, `own`.
    """
    section, files = backup.places[place], {}
    lines = ["[global]", f"repo1-cipher-pass={secrets[KEY].strip()}"]
    if section.makes_key:
        access, _, secret = secrets[S3_KEY].strip().partition(":")
        lines += [f"repo1-s3-key={access}", f"repo1-s3-key-secret={secret}"]
    elif section.takes_key:
        access, secret = (secrets[name].strip() for name in GIVEN[place])
        lines += [f"repo1-s3-key={access}", f"repo1-s3-key-secret={secret}"]
    elif section.on_host:
        lines.append(f"repo1-sftp-private-key-file={directory}/{SSH_KEY}")
        files[SSH_KEY] = secrets[SSH_KEYS[place]].strip() + "\n"
    lines += [
        f"[{STANZA}]",
        f"pg1-path={data}",
        f"spool-path={own}/spool",
        f"lock-path={own}/lock",
    ]
    return {"conf.d/secrets.conf": "\n".join(lines) + "\n", **files}


def configuration(conf: str, trusted: Mapping[str, str], directory: str) -> dict[str, str]:
    """pgBackRest's usual configuration, with the files that it names (see `trusted`) beside it.

    By the names of the files in `directory`.
    """
    texts = {}
    for path, text in trusted.items():
        conf = conf.replace(path, f"{directory}/{basename(path)}")
        texts[basename(path)] = text
    return {"pgbackrest.conf": conf, **texts}


def files(directory: str, texts: Mapping[str, str]) -> list[File]:
    """The files of a program, by their names in its directory, for PostgreSQL's user to read."""
    return [
        File(f"{directory}/{name}", text, 0o640, group="postgres") for name, text in texts.items()
    ]

"""pgBackRest's configuration, and what PostgreSQL has to be told, wherever it runs.

Each place of the backups has a configuration of its own, with one repository. None of it is secret.
The secrets and the directory of the data are in a file beside it, which is written on the machine.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from skytier.render import render
from skytier.stackfile import StackFile
from skytier.stackfile.backup import FIRST, SECOND
from skytier.stackfile.unread import needed
from skytier.topology import ObjectStore

PACKAGE = "skytier.services.pgbackrest"
STANZA = "main"
"""How pgBackRest calls the database of a stack."""


SFTP_VERSION = "2.48"
"""Of pgBackRest: since then it knows a host of SFTP by its keys."""
SFTP_SINCE = {"debian": (13,), "ubuntu": (24, 4)}
"""The first version of each distribution that has it."""
SSH_KEY = "conf.d/ssh_key"
"""The private key for the host of a place, in the directory of a configuration."""
PROGRAMS = "/usr/local/lib/skytier"
"""Where the programs are that the machine has for it."""


def restore_command(pgbackrest: str) -> str:
    """For PostgreSQL: a segment from the archive. `pgbackrest` is the beginning of the command.

    1 is "not in the archive", where recovery ends. For PostgreSQL every code below 126 is that, so
    an archive that cannot be read would end it early, and look like success.
    """
    return f'{pgbackrest} archive-get %f "%p"; r=$?; [ $r -le 1 ] || exit 126; exit $r'


@dataclass(frozen=True)
class Home:
    """Where pgBackRest has, on the database's machine, what belongs to a place of the backups."""

    place: str
    directory: str
    """Of its configuration."""
    spool: str
    """Where its queue is noted down, with a lock of its own beside it."""

    @property
    def conf(self) -> str:
        """The file of the configuration."""
        return f"{self.directory}/pgbackrest.conf"

    @property
    def secrets_conf(self) -> str:
        """The file with the secrets."""
        return f"{self.directory}/conf.d/skytier.conf"

    @property
    def ca(self) -> str:
        """The certificates of the S3 API's authority, where it has its own."""
        return f"{self.directory}/ca.pem"

    @property
    def known_hosts(self) -> str:
        """The keys of the host that the place is on."""
        return f"{self.directory}/known_hosts"

    @property
    def ssh_key(self) -> str:
        """The private key for that host. pgBackRest reads only files `*.conf` in its directory."""
        return f"{self.directory}/{SSH_KEY}"

    @property
    def suffix(self) -> str:
        """Ends the name of what is noted down for it on the machine; empty for the first place."""
        return "" if self.place == FIRST else f"-{self.place}"

    @property
    def options(self) -> str:
        """By which pgBackRest finds the configuration; none for the first one, where it looks by
        itself."""
        return "" if self.place == FIRST else f"--config-path={self.directory}"

    @property
    def command(self) -> str:
        """pgBackRest for this place: the beginning of a command line."""
        return " ".join(filter(None, ("pgbackrest", self.options, f"--stanza={STANZA}")))

    @property
    def restore_command(self) -> str:
        """That of PostgreSQL, from this place."""
        return restore_command(self.command)


HOMES = {
    FIRST: Home(FIRST, "/etc/pgbackrest", "/var/spool/pgbackrest"),
    SECOND: Home(SECOND, "/etc/pgbackrest/second", "/var/spool/pgbackrest-second"),
}
CONF, SECRETS_CONF = HOMES[FIRST].conf, HOMES[FIRST].secrets_conf
ARCHIVE_COMMAND = f"{HOMES[FIRST].command} --log-level-stderr=off archive-push %p"
"""What it says goes to PostgreSQL's log by the standard output, with times: the standard error has
none, and those of what was dropped are compared with that of the last backup."""
ARCHIVE_TO_BOTH = f"{PROGRAMS}/pgbackrest-archive %p"
"""The same for two places. pgBackRest's `check` wants its name to be in the command."""
STATE = "/var/lib/skytier/backup"
"""What is known of backups and of a restore on the machine."""
HELD = f"{STATE}/held"
"""A file on a member of the database while it is restored without Patroni, which does not start."""
ARCHIVE_TIMEOUT_S = 60
"""So much of what was written may be lost with the machine."""


def archive_command(stack: StackFile) -> str:
    """For PostgreSQL: what hands a segment over."""
    return ARCHIVE_TO_BOTH if stack.backup.second.enabled else ARCHIVE_COMMAND


def trusted(stack: StackFile, place: str = FIRST) -> dict[str, str]:
    """The files that a place of the backups is known by, which pgbackrest.conf names: path to text.
    They are not secret.

    Raises SkytierError where one of them could not be read.
    """
    section, home = stack.backup.places[place], HOMES[place]
    files = {home.ca: needed(section.ca) if section.is_s3 else None}
    files[home.known_hosts] = needed(section.known_hosts) if section.on_host else None
    return {path: text for path, text in files.items() if text}


def pgbackrest_conf(stack: StackFile, store: ObjectStore | None, place: str = FIRST) -> str:
    """The text of pgbackrest.conf. `store` is None where the place has no S3 API."""
    host, port = _of_s3(store) if store else ("", 443)
    return render(
        PACKAGE,
        "pgbackrest.conf",
        name=stack.name,
        backup=stack.backup,
        place=stack.backup.places[place],
        store=store,
        host=host,
        port=port,
        home=HOMES[place],
        is_second=place == SECOND,
    )


def address(
    stack: StackFile, store: ObjectStore | None, place: str = FIRST
) -> tuple[str, int] | None:
    """Host and port of a place of the backups; None for a directory of the machine itself."""
    section = stack.backup.places[place]
    if section.on_host:
        return section.host or "", section.port
    return _of_s3(store) if store else None


def _of_s3(store: ObjectStore) -> tuple[str, int]:
    parts = urlsplit(store.endpoint)
    return parts.hostname or "", parts.port or 443


def postgresql_conf(stack: StackFile) -> str:
    """The settings of PostgreSQL, for a file that it includes after all others."""
    command = archive_command(stack)
    return render(PACKAGE, "postgresql.conf", command=command, timeout_s=ARCHIVE_TIMEOUT_S)

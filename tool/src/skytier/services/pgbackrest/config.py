"""pgBackRest's configuration, and what PostgreSQL has to be told, wherever it runs.

None of it is secret. The secrets and the directory of the data are in a file beside it, which is
written on the machine.
"""

from urllib.parse import urlsplit

from skytier.render import render
from skytier.stackfile import StackFile
from skytier.topology import ObjectStore

PACKAGE = "skytier.services.pgbackrest"
STANZA = "main"
"""How pgBackRest calls the database of a stack."""
CONF = "/etc/pgbackrest/pgbackrest.conf"
SECRETS_CONF = "/etc/pgbackrest/conf.d/skytier.conf"
CA = "/etc/pgbackrest/ca.pem"
SPOOL = "/var/spool/pgbackrest"
ARCHIVE_COMMAND = f"pgbackrest --stanza={STANZA} --log-level-stderr=off archive-push %p"
"""What it says goes to PostgreSQL's log by the standard output, with times: the standard error has
none, and those of what was dropped are compared with that of the last backup."""
RESTORE_COMMAND = (
    f'pgbackrest --stanza={STANZA} archive-get %f "%p"; r=$?; [ $r -le 1 ] || exit 126; exit $r'
)
"""1 is "not in the archive", where recovery ends. For PostgreSQL every code below 126 is that, so
an archive that cannot be read would end it early, and look like success."""
STATE = "/var/lib/skytier/backup"
"""What is known of backups and of a restore on the machine."""
HELD = f"{STATE}/held"
"""A file on a member of the database while it is restored without Patroni, which does not start."""
ARCHIVE_TIMEOUT_S = 60
"""So much of what was written may be lost with the machine."""


def pgbackrest_conf(stack: StackFile, store: ObjectStore | None) -> str:
    """The text of pgbackrest.conf. `store` is None where backups go to a directory."""
    parts = urlsplit(store.endpoint) if store else None
    return render(
        PACKAGE,
        "pgbackrest.conf",
        name=stack.name,
        backup=stack.backup,
        store=store,
        host=(parts.hostname if parts else None) or "",
        port=(parts.port if parts else None) or 443,
        ca=CA,
        spool=SPOOL,
    )


def postgresql_conf() -> str:
    """The settings of PostgreSQL, for a file that it includes after all others."""
    return render(PACKAGE, "postgresql.conf", command=ARCHIVE_COMMAND, timeout_s=ARCHIVE_TIMEOUT_S)

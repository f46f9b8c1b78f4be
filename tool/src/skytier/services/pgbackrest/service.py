"""Backups on the database machine."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret
from skytier.services.application.service import S3_KEY
from skytier.services.etcd import service as etcd
from skytier.services.exporters.service import TEXTFILES
from skytier.services.patroni import secrets as of_members
from skytier.services.patroni import service as patroni
from skytier.services.pgbackrest.config import (
    ARCHIVE_COMMAND,
    CA,
    CONF,
    HELD,
    PACKAGE,
    RESTORE_COMMAND,
    SECRETS_CONF,
    SPOOL,
    STANZA,
    STATE,
    pgbackrest_conf,
    postgresql_conf,
)
from skytier.services.pgbackrest.secrets import (
    ACCESS,
    KEY,
    KEY_VARIABLE,
    SECRET_ACCESS,
    declared,
)
from skytier.services.postgresql.config import NAME
from skytier.services.postgresql.service import login_sh
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.stackfile.backup import BackupSection
from skytier.topology import Need, Topology

COPYING = "skytier-restore-copy"
"""The unit that restores the backups of another stack here: see `copy`."""
PROGRAMS = "/usr/local/lib/skytier"
POSTGRESQL_CONF = "/etc/skytier/pgbackrest/postgresql.conf"
DROPINS = f"{UNITS}/{patroni.UNIT}.service.d"
SETTINGS = "skytier_backup.conf"
"""In PostgreSQL's conf.d, where files are read by their names: it comes after skytier.conf."""


class Pgbackrest(Service):
    """Full and differential backups by a timer, and an archive of all changes."""

    name = "pgbackrest"
    units = ("skytier-backup@*", "skytier-restore")

    def enabled(self, stack: StackFile) -> bool:
        """If the stack file says where backups go."""
        return stack.has_backups

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The key of the backups, and that of an S3 API."""
        return declared(topology)

    def packages(self, at: Placement) -> Sequence[str]:
        """pgBackRest."""
        return ["pgbackrest"]

    def setup(self, at: Placement) -> Setup:
        """It finds the PostgreSQL that was set up before it."""
        backup, store = at.stack.backup, at.topology.backup_store
        cloud_key = backup.makes_key
        values = {
            "stanza": STANZA,
            "state": STATE,
            "secrets": SECRETS,
            "key": KEY,
            "key_variable": KEY_VARIABLE,
            "cloud_key": S3_KEY if cloud_key else "",
            "given_key": (ACCESS, SECRET_ACCESS) if backup.takes_key else (),
            "conf": CONF,
            "secrets_conf": SECRETS_CONF,
            "settings": SETTINGS,
            "spool": SPOOL,
            "path": backup.path or "",
            "directory": f"{backup.path}/{at.stack.name}",
            "place": place(backup),
            "command": ARCHIVE_COMMAND,
            "restore_command": RESTORE_COMMAND,
            "copy": False,
            "textfiles": TEXTFILES,
            "pinned": at.stack.database.version,
            "at": backup.at,
            "full_on": backup.full_on,
            **_of_members(at),
        }
        login = login_sh(watched=at.topology.monitor is not None)
        units = {
            f"{UNITS}/skytier-{name}": render(PACKAGE, name, **values)
            for name in (
                *("backup@.service", "backup.timer", "restore.service", "verify.service"),
                *("backup-metrics.service", "backup-metrics.timer"),
            )
        }
        programs = {
            f"{PROGRAMS}/{name}": render(PACKAGE, f"{name}.sh", **values, login=login)
            for name in ("backup", "backup-metrics", "restore", "verify")
        }
        if at.stack.database.members > 1:
            programs |= {
                f"{PROGRAMS}/backup-{name}": render(PACKAGE, f"{name}.sh", **values)
                for name in ("duty", "lineage")
            }
            units[f"{DROPINS}/skytier-restored.conf"] = render(
                PACKAGE, "patroni-restored.conf", **values
            )
            programs[f"{REMOVALS}/20-backups-of-members"] = render(
                PACKAGE, "leave-members.sh", **values
            )
        texts = {
            CONF: pgbackrest_conf(at.stack, store),
            POSTGRESQL_CONF: postgresql_conf(),
            **({CA: backup.ca} if backup.ca else {}),
            **units,
            f"{UNITS}/postgresql@.service.d/skytier-restored.conf": render(
                PACKAGE, "restored.conf", **values
            ),
        }
        return Setup(
            files=[
                *(File(path, text) for path, text in texts.items()),
                *(File(path, text, 0o755) for path, text in programs.items()),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[check(PACKAGE, "backup", values)],
            secrets=(
                KEY,
                *((S3_KEY,) if cloud_key else ()),
                *((ACCESS, SECRET_ACCESS) if backup.takes_key else ()),
            ),
        )

    def removal(self, at: Placement) -> Setup:
        """Backups end, if Skytier once set them up. Those that were made stay.

        A copy has none, and its stack file has pgBackRest as a package: what is restored in it is
        watched.
        """
        values = {
            "settings": SETTINGS,
            "secrets_conf": SECRETS_CONF,
            "textfiles": TEXTFILES,
            "members": at.stack.database.members > 1,
            "unit": patroni.UNIT,
            "scope": at.stack.name,
            "name": at.machine.name,
        }
        of_copy = {"state": STATE, "copying": COPYING, "name": at.stack.name}
        is_copy = self.name in at.stack.database.packages
        return Setup(
            script=render(PACKAGE, "removal.sh", **values),
            checks=[check(PACKAGE, "copy", of_copy)] if is_copy else [],
        )


def _of_members(at: Placement) -> dict[str, object]:
    """What the templates need to know of several members of the database."""
    if at.stack.database.members == 1:
        return {"members": None}
    return {
        "members": of_members,
        "ask": render(etcd.PACKAGE, "_etcdctl.sh", etc=etcd.ETC, clients=etcd.CLIENTS),
        "etc": patroni.ETC,
        "config": patroni.CONFIG,
        "home": patroni.HOME,
        "unit": patroni.UNIT,
        "dropins": DROPINS,
        "programs": PROGRAMS,
        "scope": at.stack.name,
        "name": at.machine.name,
        "address": at.machine.address,
        # The own one first.
        "voters": sorted(at.needed(Need("etcd")), key=lambda each: each.name != at.machine.name),
        "held": HELD,
        "database": NAME,
        "restored_key": f"/skytier/{at.stack.name}/restored",
        "restored_mark": "skytier.restored",
    }


def place(backup: BackupSection) -> str:
    """Where backups go, in a few words: `the container shop-backups`."""
    if backup.container:
        return f"the container {backup.container}"
    return f"the bucket {backup.bucket}" if backup.bucket else f"the directory {backup.path}"


PGBACKREST = Pgbackrest()

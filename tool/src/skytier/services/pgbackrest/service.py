"""Backups on the database machine."""

from collections.abc import Sequence
from typing import Any

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret
from skytier.services.application.service import S3_KEY
from skytier.services.etcd import service as etcd
from skytier.services.exporters.service import TEXTFILES
from skytier.services.patroni import secrets as of_members
from skytier.services.patroni import service as patroni
from skytier.services.pgbackrest.config import (
    HELD,
    HOMES,
    PACKAGE,
    PROGRAMS,
    SECRETS_CONF,
    SFTP_VERSION,
    STANZA,
    STATE,
    archive_command,
    pgbackrest_conf,
    postgresql_conf,
    trusted,
)
from skytier.services.pgbackrest.secrets import (
    KEY,
    KEY_VARIABLE,
    SSH_KEYS,
    VARIABLES,
    declared,
    given,
)
from skytier.services.postgresql.config import NAME
from skytier.services.postgresql.service import login_sh
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import ANY_MACHINE, NEW_MACHINE, REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.stackfile.backup import FIRST, PATH, PlaceSection
from skytier.topology import Endpoint, Exposure, Need, Topology

COPYING = "skytier-restore-copy"
"""The unit that restores the backups of another stack here: see `copy`."""
POSTGRESQL_CONF = "/etc/skytier/pgbackrest/postgresql.conf"
DROPINS = f"{UNITS}/{patroni.UNIT}.service.d"
SERVER = "/etc/pgbackrest/server"
"""The configuration of pgBackRest's own server, by which a member reads the files of another."""
SERVER_UNIT, SERVER_PORT = "skytier-backup-server", 8432
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

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The other members, where a replica reads the files for the primary."""
        return [Need(self.name)] if stack.backup.from_replica else []

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """pgBackRest's own server, where a replica reads the files for the primary."""
        if not stack.backup.from_replica:
            return []
        return [Endpoint("pgbackrest", SERVER_PORT, Exposure.CONSUMERS)]

    def packages(self, at: Placement) -> Sequence[str]:
        """pgBackRest."""
        return ["pgbackrest"]

    def setup(self, at: Placement) -> Setup:
        """It finds the PostgreSQL that was set up before it."""
        backup, stores = at.stack.backup, at.topology.backup_stores
        places = [_place(at.stack, name) for name in backup.places]
        both = len(places) > 1
        hosts = [each for each in places if each["section"].on_host]
        values = {
            "stanza": STANZA,
            "state": STATE,
            "secrets": SECRETS,
            "key": KEY,
            "key_variable": KEY_VARIABLE,
            "secrets_conf": SECRETS_CONF,
            "settings": SETTINGS,
            "programs": PROGRAMS,
            "places": places,
            "both": both,
            # Of the two, the one that a script is at.
            "place": "${where[$place]}" if both else words(backup),
            "hosts": hosts,
            "least": SFTP_VERSION,
            "account": "${account[$place]}" if both else places[0]["account"],
            "ssh_key": "${ssh_key[$place]}" if both else HOMES[FIRST].ssh_key,
            "command": archive_command(at.stack),
            "restore_command": HOMES[FIRST].restore_command,
            "copy": False,
            "database": NAME,
            "new": NEW_MACHINE,
            "any": ANY_MACHINE,
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
        if both:
            programs[f"{PROGRAMS}/pgbackrest-archive"] = render(
                PACKAGE, "pgbackrest-archive.sh", **values
            )
            programs[f"{REMOVALS}/30-second-place"] = render(PACKAGE, "leave-second.sh", **values)
        for each in hosts:
            # Before that of a second place, which takes its directory away.
            name = f"{REMOVALS}/28-backup-host{each['suffix']}"
            programs[name] = render(PACKAGE, "leave-host.sh", home=each["home"])
        if values["readers"]:
            texts_of_server = {
                f"{SERVER}/pgbackrest.conf": "server.conf",
                f"{UNITS}/{SERVER_UNIT}.service": "server.service",
            }
            units |= {
                path: render(PACKAGE, name, **values) for path, name in texts_of_server.items()
            }
            programs[f"{REMOVALS}/25-backup-server"] = render(PACKAGE, "leave-server.sh", **values)
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
            **{HOMES[n].conf: pgbackrest_conf(at.stack, stores.get(n), n) for n in backup.places},
            POSTGRESQL_CONF: postgresql_conf(at.stack),
            **{path: text for n in backup.places for path, text in trusted(at.stack, n).items()},
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
            checks=[check(PACKAGE, "backup", values, with_others=at.stack.database.members > 1)],
            secrets=(
                KEY,
                *(of_members.AUTHORITY.names if values["readers"] else ()),
                *((S3_KEY,) if any(each["cloud_key"] for each in places) else ()),
                *(name for each in places for name in each["given_key"]),
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
        return {"members": None, "readers": []}
    others = [each for each in at.topology.running("pgbackrest") if each.name != at.machine.name]
    return {
        "members": of_members,
        # The members that may read the files for the primary.
        "readers": others if at.stack.backup.from_replica else [],
        "server": SERVER,
        "server_unit": SERVER_UNIT,
        "server_port": SERVER_PORT,
        "ask": render(etcd.PACKAGE, "_etcdctl.sh", etc=etcd.ETC, clients=etcd.CLIENTS),
        "etc": patroni.ETC,
        "config": patroni.CONFIG,
        "home": patroni.HOME,
        "unit": patroni.UNIT,
        "dropins": DROPINS,
        "scope": at.stack.name,
        "name": at.machine.name,
        "address": at.machine.address,
        # The own one first.
        "voters": sorted(at.needed(Need("etcd")), key=lambda each: each.name != at.machine.name),
        "held": HELD,
        "restored_key": f"/skytier/{at.stack.name}/restored",
        "restored_mark": "skytier.restored",
    }


def _place(stack: StackFile, name: str) -> dict[str, Any]:
    """What the templates need to know of a place of the backups."""
    section = stack.backup.places[name]
    return {
        "name": name,
        "home": HOMES[name],
        "words": words(section),
        # On this machine.
        "path": (section.path or "") if section.kind == PATH else "",
        "directory": f"{section.path}/{stack.name}",
        "cloud_key": S3_KEY if section.makes_key else "",
        "given_key": given(section, name),
        "section": section,
        "account": section.user or "",
        "variable": VARIABLES[SSH_KEYS[name]],
        "suffix": HOMES[name].suffix,
        "labels": f'{{place=\\"{name}\\"}}' if stack.backup.second.enabled else "",
    }


def words(place: PlaceSection) -> str:
    """Where backups go, in a few words: `the container shop-backups`."""
    if place.is_s3:
        return f"the {'container' if place.container else 'bucket'} {place.bucket}"
    return f"the directory {place.path}{f' of {place.host}' if place.on_host else ''}"


PGBACKREST = Pgbackrest()

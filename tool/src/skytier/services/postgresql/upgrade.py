"""An upgrade of a database to another major version: what there is, and what is decided. Pure.

PostgreSQL's pg_upgrade copies the data. What it was copied from stays as it is, until a person
deletes it.
"""

import json
from dataclasses import dataclass

from skytier.errors import SkytierError
from skytier.render import render
from skytier.services.pgbackrest.config import SECRETS_CONF, STANZA
from skytier.services.pgbackrest.config import STATE as BACKUP_STATE
from skytier.services.system.service import INSTALL

PACKAGE = "skytier.services.postgresql"
UNIT = "skytier-postgresql-upgrade"
PROGRAM = "/usr/local/lib/skytier/postgresql-upgrade"
STATE = "/var/lib/skytier/postgresql-upgrade"
HOME = "/var/lib/postgresql"
LOOK = render(PACKAGE, "upgrade-look.sh", state=STATE, home=HOME)
"""Prints what there is on a machine, as one JSON object."""
_KEEPS_SLOTS = 17
"""From this version on pg_upgrade brings the slots of logical replication along."""
_ROOM = 1.05
_SPARE_BYTES = 512 * 2**20
"""For the copy, the log of changes of both, and what the programs write."""


@dataclass(frozen=True)
class Standing:
    """The database of a machine, as LOOK tells of it. Sizes are in bytes."""

    version: int = 0
    """Its major version: 0 where there is none yet."""
    unfinished: bool = False
    """Whether an upgrade was begun, and has not ended."""
    kept: bool = False
    """Whether there is the copy of an earlier upgrade from this version."""
    size: int = 0
    free: int = 0
    mounted: bool = False
    """Whether the data is on a file system of its own."""
    tablespaces: int | None = None
    prepared: int | None = None
    """Transactions that wait for the second half of their commit."""
    slots: int | None = None
    """Of logical replication. All three are None where PostgreSQL does not answer."""

    @property
    def answers(self) -> bool:
        """Whether PostgreSQL does."""
        return self.tablespaces is not None


@dataclass(frozen=True)
class Upgrade:
    """What is to be done."""

    before: int
    after: int
    size: int
    unfinished: bool = False

    @property
    def words(self) -> str:
        """What a person has to know before it begins."""
        if self.unfinished:
            return (
                f"The upgrade to PostgreSQL {self.after} that was interrupted is finished, or "
                "started again."
            )
        return (
            f"PostgreSQL {self.before} becomes {self.after}: the database stops while "
            f"{self.size / 2**30:.1f} GiB are copied, and requests that need it fail then. What is "
            f"there now stays on the database server, at {kept(self.before)}."
        )


def kept(version: int) -> str:
    """Where the copy of a version stays."""
    return f"{HOME}/kept-{version}"


def read(text: str) -> Standing:
    """What LOOK printed.

    >>> read('{"version": 15, "size": 1048576}').version
    15
    """
    return Standing(**json.loads(text))


def decided(
    there: Standing, wanted: int, *, members: int = 1, on_volume: bool = False
) -> Upgrade | None:
    """What is to be done so that a database has a version; None for nothing.

    `members` are those that there are or shall be; `on_volume` is whether its data shall be on a
    volume. Raises SkytierError where it cannot work.
    """
    before = there.version
    if not before or (before == wanted and not there.unfinished):
        return None
    if before > wanted:
        raise _lower(before, wanted)
    if members > 1:
        raise SkytierError(
            f"The database has PostgreSQL {before} and several members, and a database with "
            f"several members is not upgraded to {wanted}.",
            f"In three steps, none of which loses data: database.members = 1 with version = "
            f"{before}, and skytier up; version = {wanted}, and skytier up; the members again, and "
            "skytier up.",
        )
    if there.unfinished:
        return Upgrade(before, wanted, there.size, unfinished=True)
    if on_volume and not there.mounted:
        raise SkytierError(
            f"The data is to move to a volume, and PostgreSQL {before} to become {wanted}. Both at "
            "a time would leave the copy below the volume.",
            f"First the volume: database.version = {before}, and skytier up. Then the version.",
        )
    _refuse_what_is_in_the_way(there, wanted)
    return Upgrade(before, wanted, there.size)


def _refuse_what_is_in_the_way(there: Standing, wanted: int) -> None:
    before = there.version
    if there.kept:
        raise SkytierError(
            f"There is the copy of an earlier upgrade from PostgreSQL {before}: {kept(before)}.",
            f"If you do not need it: skytier exec database '{PROGRAM} forget {before}'",
        )
    if there.tablespaces:
        raise SkytierError(
            f"The database has tablespaces, which are not upgraded to PostgreSQL {wanted}.",
            "Move what is in them to the default one (ALTER TABLE ... SET TABLESPACE pg_default), "
            "and drop them.",
        )
    if there.prepared:
        raise SkytierError(
            f"{there.prepared} prepared transactions are open, which pg_upgrade refuses.",
            "End them (SELECT * FROM pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED).",
        )
    if there.slots and before < _KEEPS_SLOTS:
        raise SkytierError(
            f"The database has {there.slots} slots of logical replication, which an upgrade from "
            f"PostgreSQL {before} does not bring along: those who read them would miss changes.",
            "Have them read everything, and end the subscriptions, which drops the slots.",
        )
    needed = int(there.size * _ROOM) + _SPARE_BYTES
    if there.free < needed:
        raise SkytierError(
            f"The upgrade to PostgreSQL {wanted} copies the data ({_gib(there.size)}), which needs "
            f"{_gib(needed)} on the disk of the database, and {_gib(there.free)} are free.",
            "Set database.volume_gib higher and run skytier up: the volume grows in use. Without a "
            "volume, take a flavor with a larger disk.",
        )


def _lower(before: int, wanted: int) -> SkytierError:
    return SkytierError(
        f"The database has PostgreSQL {before}, and database.version asks for {wanted}. PostgreSQL "
        "cannot read the files of a newer version.",
        f"Set database.version to {before}. To go back to {wanted}, export the data (skytier "
        f"database export FILE), bring up another stack with version = {wanted}, and import the "
        "file there (skytier database import FILE). Right after an upgrade there is another way: "
        "docs/how-to/upgrade-postgresql-major.md.",
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def program(version: int, etc: str, *, backups: bool) -> str:
    """The program on the machine that brings its database to a version.

    `etc` is where its configuration is. Where there are `backups`, one is made before.
    """
    return render(
        PACKAGE,
        "upgrade.sh",
        version=version,
        backups=backups,
        unit=UNIT,
        program=PROGRAM,
        state=STATE,
        home=HOME,
        etc=etc,
        install=INSTALL,
        stanza=STANZA,
        secrets_conf=SECRETS_CONF,
        backup_state=BACKUP_STATE,
    )

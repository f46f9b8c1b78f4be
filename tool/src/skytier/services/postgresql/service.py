"""PostgreSQL on the database machine."""

from collections.abc import Sequence
from dataclasses import asdict

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret
from skytier.services.exporters.service import Exporter
from skytier.services.postgresql.config import (
    LEAVE,
    MONITOR,
    NAME,
    SECOND,
    monitor_sql,
    pg_hba,
    pg_ident,
    role_sql_without_login,
)
from skytier.services.postgresql.secrets import CERTIFICATE, KEY, PASSWORD, declared
from skytier.services.postgresql.tuning import tuning
from skytier.services.postgresql.upgrade import PROGRAM, program
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.services.system.service import PACKAGE as SYSTEM
from skytier.services.system.service import PGDG
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Topology

PACKAGE = "skytier.services.postgresql"
ETC = "/etc/skytier/postgresql"
QUERIES = "/etc/skytier/postgres-exporter.yml"
EXPORTER = Exporter(
    "postgres",
    9187,
    (f"--extend.query-path={QUERIES}",),
    environment=f"DATA_SOURCE_NAME=host=/run/postgresql user={MONITOR} dbname=postgres",
    reads=(QUERIES,),
)


class Postgresql(Service):
    """The distribution's own cluster `main`, for the machines that need it only."""

    name = "postgresql"
    units = ("postgresql@*",)

    def running(self, stack: StackFile) -> Sequence[str]:
        """Its cluster, unless Patroni alone starts and stops it."""
        return self.units if stack.database.members == 1 else ()

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The password and the certificate that clients need."""
        return declared(topology)

    def packages(self, at: Placement) -> Sequence[str]:
        """PostgreSQL, and what makes a volume's file system and lets it grow."""
        return ["postgresql", *(["e2fsprogs"] if at.machine.volume else [])]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """Its port."""
        return [Endpoint("postgresql", 5432, Exposure.CONSUMERS)]

    def setup(self, at: Placement) -> Setup:
        """The cluster `main` of the newest PostgreSQL that is installed."""
        machine = at.machine
        watched = at.topology.monitor is not None
        members = [each.address for each in at.topology.running("patroni")]
        conf = render(
            PACKAGE,
            "conf.d.conf",
            address=machine.address,
            etc=ETC,
            memory_mib=machine.memory_mib,
            **asdict(tuning(machine.memory_mib, at.topology)),
        )
        files = {
            f"{ETC}/skytier.conf": conf,
            f"{ETC}/pg_hba.conf": pg_hba(at.stack.cidr, watched=watched, members=members),
            f"{ETC}/pg_ident.conf": pg_ident("postgres"),
            f"{ETC}/role.sql": role_sql_without_login(locale="C.UTF-8"),
            **({} if at.stack.database.version else {PGDG: render(SYSTEM, "pgdg.asc")}),
            **(_watched() if watched else {}),
            **(_on_volume() if machine.volume else {}),
        }
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "name": NAME,
            "second": SECOND,
            "address": machine.address,
            "watched": watched,
            "volume": machine.volume,
            # Then Patroni runs it, and follows in the script.
            "members": members,
            "leave": LEAVE,
            "pinned": at.stack.database.version,
        }
        return Setup(
            files=[*(File(path, text) for path, text in files.items()), *_upgrade(at, members)],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[
                *([check(PACKAGE, "data-volume", values)] if machine.volume else []),
                check(PACKAGE, "postgresql", values, with_others=at.stack.database.members > 1),
            ],
            secrets=(PASSWORD, KEY, CERTIFICATE),
        )


def _upgrade(at: Placement, members: Sequence[str]) -> list[File]:
    """The program that brings the database to the wanted version: of one machine only."""
    version = at.stack.database.version
    if version is None or members:
        return []
    return [File(PROGRAM, program(version, ETC, backups=at.stack.has_backups), 0o755)]


def login_sh(*, watched: bool) -> str:
    """A part of a bash script: the roles of the database, with the password that is kept.

    It needs a function `sql`, which is psql.
    """
    values = {"etc": ETC, "secrets": SECRETS, "name": NAME, "second": SECOND, "watched": watched}
    return render(PACKAGE, "_login.sh", **values)


def _watched() -> dict[str, str]:
    """The files of the exporter."""
    return {f"{ETC}/monitor.sql": monitor_sql(), QUERIES: render(PACKAGE, "exporter.yml")}


def _on_volume() -> dict[str, str]:
    """What keeps PostgreSQL from starting where its volume should be and is not."""
    unit = f"{UNITS}/postgresql@.service.d/skytier-volume.conf"
    return {unit: render(PACKAGE, "on-volume.conf")}


POSTGRESQL = Postgresql()

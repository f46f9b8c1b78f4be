"""The database machine."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from skytier.roles import common, exporters
from skytier.roles.database.server import (
    MONITOR,
    NAME,
    monitor_sql,
    pg_hba,
    pg_ident,
    role_sql_without_password,
)
from skytier.roles.database.tuning import tuning
from skytier.roles.monitor.alertmanager import SMTP_PASSWORD
from skytier.roles.render import render
from skytier.roles.role import File, IngressRule, Machine, Setup, Topology

ETC = "/etc/skytier/postgresql"
PASSWORD, TLS_KEY, TLS_CERTIFICATE = (
    "database_password",
    "database_tls_key",
    "database_tls_certificate",
)
QUERIES = "/etc/skytier/postgres-exporter.yml"
POSTGRES = exporters.Exporter(
    "postgres",
    9187,
    (f"--extend.query-path={QUERIES}",),
    environment=f"DATA_SOURCE_NAME=host=/run/postgresql user={MONITOR} dbname=postgres",
    reads=(QUERIES,),
)


class Database:
    """PostgreSQL in the distribution's own cluster, for the web machines only."""

    name = "database"
    public = False
    holds_data = "the data of the application"
    units: Sequence[str] = ("postgresql@*",)
    colocated_with = ""
    metrics: Mapping[str, int] = {POSTGRES.job: POSTGRES.port}
    runs_application = False

    def ingress_rules(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[IngressRule]:
        """PostgreSQL and SSH for the web machines; the first of them is the way in."""
        return [IngressRule(5432, "web"), IngressRule(22, "web")]

    def packages(self, topology: Topology, machine: Machine) -> Sequence[str]:
        """PostgreSQL, and what tells of it."""
        return [common.POSTGRESQL, *exporters.packages(topology, POSTGRES)]

    def setup(self, topology: Topology, machine: Machine) -> Setup:
        """The cluster `main` of the newest PostgreSQL that is installed.

        `database_tls_certificate` has to name the machine's address (subjectAltName IP), because
        the application insists on it.
        """
        watched = topology.monitor is not None
        conf = render(
            "database",
            "conf.d.conf",
            address=machine.address,
            etc=ETC,
            memory_mib=machine.memory_mib,
            **asdict(tuning(machine.memory_mib, topology)),
        )
        files = {
            f"{ETC}/skytier.conf": conf,
            f"{ETC}/pg_hba.conf": pg_hba(topology.cidr, watched=watched),
            f"{ETC}/pg_ident.conf": pg_ident("postgres"),
            f"{ETC}/role.sql": role_sql_without_password(locale="C.UTF-8"),
            "/etc/skytier/pgdg.asc": render("database", "pgdg.asc"),
            **(_watched() if watched else {}),
            **(_on_volume() if machine.volume else {}),
        }
        values = {
            "etc": ETC,
            "secrets": common.SECRETS,
            "name": NAME,
            "address": machine.address,
            "watched": watched,
            "volume": machine.volume,
        }
        server = Setup(
            files=[File(path, text) for path, text in files.items()],
            script=render("database", "setup.sh", **values),
            checks=[
                *([common.check("database", "data-volume", values)] if machine.volume else []),
                common.check("database", "postgresql", values),
            ],
            secrets=(PASSWORD, TLS_KEY, TLS_CERTIFICATE, *_kept(topology)),
        )
        return server + exporters.setup(topology, machine, POSTGRES)


def _watched() -> dict[str, str]:
    """The files of the exporter's."""
    return {f"{ETC}/monitor.sql": monitor_sql(), QUERIES: render("database", "exporter.yml")}


def _on_volume() -> dict[str, str]:
    """What keeps PostgreSQL from starting where its volume should be and is not."""
    unit = f"{common.UNITS}/postgresql@.service.d/skytier-volume.conf"
    return {unit: render("database", "on-volume.conf")}


def _kept(topology: Topology) -> tuple[str, ...]:
    """Secrets of other machines that nobody can make: they are kept where all of them are."""
    return (SMTP_PASSWORD,) if topology.monitoring and topology.monitoring.smtp_username else ()


ROLE = Database()

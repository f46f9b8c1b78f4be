"""The database machine."""

from collections.abc import Sequence
from dataclasses import asdict

from skytier.roles import common
from skytier.roles.database.server import NAME, pg_hba, pg_ident, role_sql_without_password
from skytier.roles.database.tuning import tuning
from skytier.roles.render import render
from skytier.roles.role import File, Machine, Opening, Setup, Site

ETC = "/etc/skytier/postgresql"
PASSWORD, TLS_KEY, TLS_CERTIFICATE = (
    "database_password",
    "database_tls_key",
    "database_tls_certificate",
)


class Database:
    """PostgreSQL in the distribution's own cluster, for the web machines only."""

    name = "database"
    public = False
    keeps = "the data of the application"
    units: Sequence[str] = ("postgresql@*",)
    runs_application = False

    def openings(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[Opening]:
        """PostgreSQL and SSH for the web machines; the first of them is the way in."""
        return [Opening(5432, "web"), Opening(22, "web")]

    def user_data(self, site: Site) -> str:
        """cloud-config with PostgreSQL's packages."""
        return common.user_data(self.name, _packages(site))

    def setup(self, site: Site, machine: Machine) -> Setup:
        """The cluster `main` of the newest PostgreSQL that is installed.

        `database_tls_certificate` has to name the machine's address (subjectAltName IP), because
        the application insists on it.
        """
        packages = _packages(site)
        conf = render(
            "database",
            "conf.d.conf",
            address=machine.address,
            etc=ETC,
            memory_mib=machine.memory_mib,
            **asdict(tuning(machine.memory_mib, site)),
        )
        files = {
            f"{ETC}/skytier.conf": conf,
            f"{ETC}/pg_hba.conf": pg_hba(site.cidr),
            f"{ETC}/pg_ident.conf": pg_ident("postgres"),
            f"{ETC}/role.sql": role_sql_without_password(locale="C.UTF-8"),
            "/etc/skytier/pgdg.asc": render("database", "pgdg.asc"),
        }
        values = {"etc": ETC, "secrets": common.SECRETS, "name": NAME, "address": machine.address}
        return Setup(
            files=[*common.files(packages), *(File(path, text) for path, text in files.items())],
            script=render("database", "setup.sh", **values),
            checks=[
                *common.checks(packages),
                common.check("database", "postgresql", values),
            ],
            secrets=(PASSWORD, TLS_KEY, TLS_CERTIFICATE),
        )


def _packages(site: Site) -> common.Packages:
    return common.Packages((*common.PACKAGES, *site.packages.get("database", ())), postgresql=True)


ROLE = Database()

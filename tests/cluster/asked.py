"""A machine in a container, asked on that machine: its database, and its system."""

from tests.cluster.container import Container


def sql(machine: Container, statements: str) -> str:
    """What psql prints for statements in the application's database, as PostgreSQL's own user."""
    psql = "cd /; runuser -u postgres -- psql -qAt -v ON_ERROR_STOP=1 skytier"
    return machine.run(psql, statements.encode()).strip()


def silent(text: str) -> None:
    """Nobody is told how far something is."""


def code_name(machine: Container) -> str:
    """Of its system: `bookworm`."""
    return machine.run(". /etc/os-release; echo $VERSION_CODENAME").strip()

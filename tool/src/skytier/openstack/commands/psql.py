"""psql on the database of a stack on a cloud."""

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from skytier.dump.client import Client
from skytier.openstack.commands.database import database_of, replica_machine
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.plan.releases import note_migrations
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.secrets import DIRECTORY
from skytier.services.patroni.service import MEMBERS
from skytier.services.postgresql.config import NAME, SECOND
from skytier.services.postgresql.secrets import PASSWORD
from skytier.services.postgresql.service import ETC

_CONNECTION = f"""
command -v psql >/dev/null || {{
    echo "There is no psql on $(hostname). Install it: apt-get install postgresql-client" >&2
    exit 127
}}
DATABASE={NAME} PGUSER={NAME} PGPASSWORD=$(cat {DIRECTORY}/{PASSWORD})
case $PGPASSWORD in
    {SECOND}:*) PGUSER={SECOND} PGPASSWORD=${{PGPASSWORD#*:}} ;;
esac
export DATABASE PGUSER PGPASSWORD
if [ -e {MEMBERS} ]; then
    PGHOST=$(cat {MEMBERS}) PGTARGETSESSIONATTRS=read-write PGCONNECT_TIMEOUT=3
    PGSSLMODE=verify-ca PGSSLROOTCERT={ETC}/server.crt
    export PGHOST PGTARGETSESSIONATTRS PGCONNECT_TIMEOUT PGSSLMODE PGSSLROOTCERT
fi
"""
"""Root may read the password, which no command line has. Of several members, the primary."""
SCRIPT = f"""{_CONNECTION}
exec psql --dbname={NAME} "$@"
"""
AS_NOBODY = f"""{_CONNECTION}
cd /
exec runuser -u nobody -- bash -c "$1"
"""
"""What comes from a dump is run with no more rights than the application has."""


# What is given last counts: the member on this machine, and not the primary.
_HERE = f"--dbname=host=/var/run/postgresql dbname={NAME} target_session_attrs=any"


def attend_psql(stack: CloudStack, *words: str, replica: bool = False) -> int:
    """Run psql on the primary, or on the replica that lacks the least, at this terminal.

    As the application's user. Returns its exit code. Raises SkytierError when there is no way in,
    or no replica.
    """
    words = (_HERE, *words) if replica else words
    command = shlex.join(["sudo", "sh", "-c", SCRIPT, "psql", *words])
    on_replica = ssh_target(stack, replica_machine(stack)) if replica else None
    with on_replica or database_of(stack, any_one=True) as host:
        return host.attend("--", command, terminal=sys.stdin.isatty())


@contextmanager
def database_client(stack: CloudStack, *, changes: bool) -> Iterator[Client]:
    """Programs of PostgreSQL on a database server, as the application's user.

    With `changes` under the stack's lock, and the next release migrates. Raises SkytierError when
    there is no way in.
    """
    lock = stack.held("import", threading.Event()) if changes else nullcontext()
    with lock, database_of(stack, any_one=True) as host:
        if changes:
            note_migrations(Server(stack.project))

        def words(script: str) -> list[str]:
            command = shlex.join(["sudo", "sh", "-c", AS_NOBODY, "sh", script])
            return host.words(command)

        yield Client(words)

"""psql on the database of a stack on a cloud."""

import shlex
import sys

from skytier.openstack.database import machine_for_psql
from skytier.openstack.ssh_target import ssh_target
from skytier.openstack.stack import CloudStack
from skytier.secrets import DIRECTORY
from skytier.services.postgresql.config import NAME, SECOND
from skytier.services.postgresql.secrets import PASSWORD

SCRIPT = f"""
command -v psql >/dev/null || {{
    echo "There is no psql on $(hostname). Install it: apt-get install postgresql-client" >&2
    exit 127
}}
PGUSER={NAME} PGPASSWORD=$(cat {DIRECTORY}/{PASSWORD})
case $PGPASSWORD in
    {SECOND}:*) PGUSER={SECOND} PGPASSWORD=${{PGPASSWORD#*:}} ;;
esac
export PGUSER PGPASSWORD
exec psql --dbname={NAME} "$@"
"""
"""Root may read the password, which no command line has."""


def attend_psql(stack: CloudStack, *words: str, replica: bool = False) -> int:
    """Run psql on the primary's machine or on a replica's, at this terminal.

    As the application's user. Returns its exit code. Raises SkytierError when there is no way in.
    """
    command = shlex.join(["sudo", "sh", "-c", SCRIPT, "psql", *words])
    with ssh_target(stack, machine_for_psql(stack, replica=replica)) as host:
        return host.attend("--", command, terminal=sys.stdin.isatty())

"""Brings up what OpenStack makes for a stack, and configures no machine.

    python resources_only.py up|down

For tests that are about resources: what is made of them needs no booted guest.
"""

import sys

from skytier import stackfile as stack
from skytier.cli import console
from skytier.cli.progress import Lines
from skytier.errors import SkytierError
from skytier.openstack.connection import connect
from skytier.openstack.stack import CloudStack


def main() -> int:
    wanted = stack.load(None)
    assert wanted.cloud
    made = CloudStack(connect(wanted.cloud), wanted, wanted.cloud)
    try:
        made.make_resources(Lines()) if sys.argv[1] == "up" else made.down(Lines())
    except SkytierError as error:
        console.show(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Brings up what OpenStack makes for a stack, and configures no machine.

    python resources_only.py up|down|scratch

`scratch` makes the scratch server of a rehearsal, and leaves it.

For tests that are about resources: what is made of them needs no booted guest.
"""

import sys
from functools import partial

from skytier import stackfile as stack
from skytier.cli import console
from skytier.cli.progress import Lines
from skytier.deploy.apply import apply
from skytier.deploy.plan import plan
from skytier.errors import SkytierError
from skytier.openstack.commands import scratch
from skytier.openstack.login.connection import connect
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.stack import CloudStack


def make_scratch(made: CloudStack, lines: Lines) -> None:
    planned = made.plan()
    flavor = planned.resolved.choices.flavors["database"]
    wanted = scratch.wanted(planned.resolved, made.project, flavor, root_gib=0)
    apply(plan(wanted, [], RULES), made.kinds, lines, planned.known, None, RepeatedCalls())


def main() -> int:
    wanted = stack.load(None)
    assert wanted.cloud
    made = CloudStack(connect(wanted.cloud), wanted, wanted.cloud)
    does = {"up": made.make_resources, "down": made.down, "scratch": partial(make_scratch, made)}
    try:
        does[sys.argv[1]](Lines())
    except SkytierError as error:
        console.show(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

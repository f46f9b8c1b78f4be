"""The application's own commands, run on the first web server."""

import shlex
import subprocess
from collections.abc import Iterator

from skytier.follow import follow
from skytier.openstack.ssh_target import ssh_target
from skytier.openstack.stack import CloudStack
from skytier.release.command import failed


def run_application(stack: CloudStack, *arguments: str) -> str:
    """Run a command to its end. Returns its output; SkytierError when it fails."""
    return "".join(follow_application(stack, *arguments))


def follow_application(stack: CloudStack, *arguments: str) -> Iterator[str]:
    """The same, with each line of the output as soon as it is written."""
    command = shlex.join(["sudo", "skytier-app", *arguments])
    with ssh_target(stack, "web") as (shell, host):
        yield from follow(
            ["ssh", "-F", shell.config, "-o", "BatchMode=yes", host, command],
            lambda said: failed(f"{arguments[0]} on {host}", said),
            stdin=subprocess.DEVNULL,
        )

"""Commands of the application, run on the first web server."""

import shlex
import subprocess
import sys
from collections.abc import Iterator

from skytier.follow import follow
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.stack import CloudStack
from skytier.release.command import failed


def run_application(stack: CloudStack, *arguments: str) -> str:
    """Run a command to its end. Returns its output; SkytierError when it fails."""
    return "".join(follow_application(stack, *arguments))


def follow_application(stack: CloudStack, *arguments: str) -> Iterator[str]:
    """The same, with each line of the output as soon as it is written."""
    command = shlex.join(["sudo", "skytier-app", "run", *arguments])
    with ssh_target(stack, "web") as host:
        yield from follow(
            ["ssh", "-F", host.ssh.config, "-o", "BatchMode=yes", host.name, command],
            lambda said: failed(f"{arguments[0]} on {host.name}", said),
            stdin=subprocess.DEVNULL,
        )


def attend_application(stack: CloudStack, *words: str) -> int:
    """Run a command that has the terminal. Returns its exit code."""
    with ssh_target(stack, "web") as host:
        quoted = map(shlex.quote, words)
        command = ("--", "sudo", "skytier-app", "run", *quoted)
        return host.attend(*command, terminal=sys.stdin.isatty())

"""The web application's own commands, run on the first web server."""

import shlex
import subprocess
from collections.abc import Iterator

from skytier.follow import follow
from skytier.local.application import failed
from skytier.openstack.ssh_target import ssh_target
from skytier.openstack.stack import CloudStack


class CloudApplication:
    """Runs `skytier-app` where the application runs."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack

    def run_application(self, *arguments: str) -> str:
        """Run a command to its end. Returns its output; SkytierError when it fails."""
        return "".join(self.follow_application(*arguments))

    def follow_application(self, *arguments: str) -> Iterator[str]:
        """The same, with each line of the output as soon as it is written."""
        command = shlex.join(["sudo", "skytier-app", *arguments])
        with ssh_target(self._stack, "web") as (shell, host):
            yield from follow(
                ["ssh", "-F", shell.config, "-o", "BatchMode=yes", host, command],
                lambda said: failed(f"{arguments[0]} on {host}", said),
                stdin=subprocess.DEVNULL,
            )

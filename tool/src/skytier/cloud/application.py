"""The web application's own commands, run on the first web server."""

import shlex
import subprocess
import tempfile
from collections.abc import Iterator

from skytier.cloud.entrance import entrance
from skytier.cloud.stack import CloudStack
from skytier.errors import SkytierError


class CloudApplication:
    """Runs `skytier-app` where the application runs."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack

    def run_application(self, *arguments: str) -> str:
        """Run a command to its end. Returns its output; SkytierError when it fails."""
        return "".join(self.follow_application(*arguments))

    def follow_application(self, *arguments: str) -> Iterator[str]:
        """The same, with each line of the output as soon as it is written."""
        config, host = entrance(self._stack, "web")
        command = shlex.join(["sudo", "skytier-app", *arguments])
        with (
            tempfile.TemporaryFile("w+") as stderr,
            subprocess.Popen(
                ["ssh", "-F", config, "-o", "BatchMode=yes", host, command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            ) as popen,
        ):
            assert popen.stdout is not None  # noqa: S101  # it is a pipe
            yield from popen.stdout
            if popen.wait():
                stderr.seek(0)
                said = "\n".join(stderr.read().strip().splitlines()[-12:])
                raise SkytierError(
                    f"The application's {arguments[0]} failed on {host}:\n{said}",
                    "Mend what it says, and run it again.",
                )

"""A container: another system's root with processes, mounts and a network of its own.

The namespaces live as long as their first process does, which only waits. When it is killed, the
kernel ends all other processes, and takes away the mounts and the devices.
"""

import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcloud import command, supervisor, wait
from devcloud.errors import DevcloudError

MARK = "DEVCLOUD_CONTAINER"
"""The first process is started with it, and no other one."""
APART = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
MOUNT = (
    'cd "$1" && shift && mount -t proc proc proc && mount --rbind /dev dev && '
    "mount -t tmpfs tmpfs dev/shm && mount -t tmpfs -o mode=755 tmpfs run && mkdir run/lock && "
    'mount -t sysfs -o ro sysfs sys && exec chroot . "$@"'
)
# It reaps whatever the others leave: the kernel does so for a process that ignores this signal.
WAITING = "sleep infinity"
WAIT_FOR_EVER = ["sh", "-c", f"trap '' CHLD; exec {WAITING}"]


@dataclass(frozen=True)
class Container:
    """A container with the root `root`, whose network is one cable to this machine.

    `device` is this machine's end of it, with `outside`; `inside` is the address at the other end.
    Both are addresses with a prefix. Nothing is routed beyond this machine.
    """

    root: Path
    device: str
    outside: str
    inside: str

    def pid(self) -> int | None:
        """The first process, as this machine sees it; None if the container does not run."""
        mark = str(self.root)
        mine = (p for p in command.pids() if command.process_environment(p).get(MARK) == mark)
        return next((pid for pid in mine if _is_first(pid)), None)

    def start(self, log: Path) -> bool:
        """Start it, unless it runs. Returns whether it did not."""
        if self.pid() is None:
            with log.open("w") as file:
                starting = subprocess.Popen(
                    [*APART, "--net", "sh", "-c", MOUNT, "sh", self.root, *WAIT_FOR_EVER],
                    env=command.environment(**{MARK: str(self.root)}),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            wait.until(
                lambda: starting.poll() is not None or self._waits(),
                "The container does not start",
                60,
                f"Look at {log}.",
            )
            if starting.poll() is not None:
                raise DevcloudError(f"The container ended:\n{log.read_text()}")
        elif self._is_connected():
            return False
        self._connect()
        return True

    def run(self, words: Sequence[str], variables: Mapping[str, str]) -> int:
        """Run a program in it, with this process's input and output. Returns its exit code.

        Raises DevcloudError if it does not run.
        """
        return subprocess.run(
            [*self._enter("mount", "net", "pid", "root"), "--wd", *words],
            env=command.environment(**variables),
        ).returncode

    def run_with_this_network(self, words: Sequence[str], variables: Mapping[str, str]) -> int:
        """The same in its root, with processes and mounts for this once."""
        return subprocess.run(
            [*APART, "sh", "-c", MOUNT, "sh", self.root, *words],
            env=command.environment(**variables),
        ).returncode

    def stop(self) -> None:
        """End all that runs in it, and take its cable away."""
        if pid := self.pid():
            supervisor.end([pid], signal.SIGKILL, 30)
        command.try_run(["ip", "link", "delete", self.device])

    def _waits(self) -> bool:
        """Whether all is mounted, so that its first process is the one that waits."""
        pid = self.pid()
        return pid is not None and command.process_command_line(pid) == WAITING

    def _is_connected(self) -> bool:
        shown = [*self._enter("net"), "ip", "-4", "address", "show", "up"]
        here = command.run(["ip", "-4", "address", "show", "up"])
        return f" {self.inside} " in command.run(shown) and f" {self.outside} " in here

    def _connect(self) -> None:
        enter = self._enter("net")
        command.try_run(["ip", "link", "delete", self.device])
        ends = ["type", "veth", "peer", "name", "eth0", "netns", str(self.pid())]
        command.run(["ip", "link", "add", self.device, *ends])
        # No address and no route by themselves.
        no_ipv6 = Path(f"/proc/sys/net/ipv6/conf/{self.device}/disable_ipv6")
        if no_ipv6.exists():
            no_ipv6.write_text("1")
        command.run(["ip", "address", "add", self.outside, "dev", self.device])
        command.run(["ip", "link", "set", self.device, "up"])
        command.run([*enter, "ip", "address", "add", self.inside, "dev", "eth0"])
        for device in ("lo", "eth0"):
            command.run([*enter, "ip", "link", "set", device, "up"])

    def _enter(self, *namespaces: str) -> list[str]:
        pid = self.pid()
        if pid is None:
            raise DevcloudError("The container does not run.")
        return ["nsenter", f"--target={pid}", *(f"--{name}" for name in namespaces)]


def _is_first(pid: int) -> bool:
    """Whether a process is the first one of a namespace below this machine's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return bool(re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE))

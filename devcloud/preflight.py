"""Looks at the machine before anything on it is changed."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from devcloud import command, release
from devcloud.errors import DevcloudError
from devcloud.home import DONE, ETC, HOME
from devcloud.release import HERE

MEMORY_GIB = 7.5  # what the kernel leaves of a machine with 8 GiB
DISK_GIB = 15
DISK_GIB_WHEN_INSTALLED = 5
DYING_S = 10
# On every one of them something of ours listens, at the release's address only.
PORTS = {
    5000: "Keystone",
    9292: "Glance",
    8778: "Placement",
    8774: "Nova's API",
    8776: "Cinder",
    6789: "Ceph's monitor",
    8775: "Nova's metadata",
    9696: "Neutron",
    9876: "Octavia",
    5672: "RabbitMQ",
    25672: "RabbitMQ's nodes",
    11211: "memcached",
}
# supervisord is started with it, and hands it to everything it starts.
MARK = "DEVCLOUD_SERVICE_OF"


def check() -> None:
    """Raises DevcloudError that names everything that is in the way."""
    problems = [*_root(), *_distribution(), *_memory(), *_disk(), *_settled_ports(), *_libvirt()]
    if problems:
        raise DevcloudError(
            "This machine cannot run the cloud:\n" + "\n".join(f"  - {p}" for p in problems),
            "Nothing was changed.",
        )


def require_root() -> None:
    """Raises DevcloudError when we are not root."""
    for problem in _root():
        raise DevcloudError(problem)


def _root() -> Iterator[str]:
    if os.geteuid() != 0:
        yield "It needs root, for network namespaces, bridges and packages. Run it with sudo."


def _distribution() -> Iterator[str]:
    found = release.read(release.here())
    known = (found.get("ID"), found.get("VERSION_ID")) == ("debian", HERE.debian)
    # Debian 13's has no guests. It is made in a container only, which has its address.
    if not known or f" {HERE.address}/" not in command.run(["ip", "-4", "address", "show"]):
        yield f"It needs Debian 12, and this is {found.get('PRETTY_NAME', 'unknown')}."


def _memory() -> Iterator[str]:
    kib = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    gib = int(kib[1]) / 2**20 if kib else 0
    if gib < MEMORY_GIB:
        yield f"It needs 8 GiB of memory, and this machine has {gib:.1f} GiB."


def _disk() -> Iterator[str]:
    at = next(path for path in (HOME, *HOME.parents) if path.exists())
    needed = DISK_GIB_WHEN_INSTALLED if DONE.exists() else DISK_GIB
    gib = shutil.disk_usage(at).free / 2**30
    if gib < needed:
        yield f"It needs {needed} GiB free below {at}, and there are {gib:.1f} GiB."


def _settled_ports() -> list[str]:
    """The ports' problems that stay: a killed process holds its ports until it is gone."""
    end = time.monotonic() + DYING_S
    while (problems := list(_ports())) and time.monotonic() < end:
        time.sleep(0.5)
    return problems


def _ports() -> Iterator[str]:
    listening = subprocess.run(
        ["ss", "-Hltnp"], env=command.environment(), capture_output=True, text=True
    )
    if listening.returncode:
        yield "The program ss is missing: apt-get install iproute2."
    for line in listening.stdout.splitlines():
        address, _, port = line.split()[3].rpartition(":")
        if int(port) not in PORTS or address not in {HERE.address, "0.0.0.0", "*", "[::]"}:  # noqa: S104
            continue
        holder = re.search(r'\("([^"]*)",pid=(\d+)', line)
        if holder and is_ours(int(holder[2])):
            continue
        who = f"{holder[1]} (process {holder[2]})" if holder else "a process that is not shown"
        yield f"Port {port} of {PORTS[int(port)]} is taken by {who}."


def _libvirt() -> Iterator[str]:
    path = Path("/run/libvirtd.pid")
    if path.exists() and (pid := path.read_text().strip()).isdigit():
        alive = Path(f"/proc/{pid}/comm")
        if alive.exists() and alive.read_text().strip() == "libvirtd" and not is_ours(int(pid)):
            yield f"Another libvirtd is running (process {pid})."


def is_ours(pid: int) -> bool:
    """Whether a process was started by this cloud's supervisor, or by one of its daemons."""
    if command.process_environment(pid).get(MARK) == str(HOME):
        return True
    # Neutron's agents change their title, which lies where the environment was.
    return f"--config-file {ETC}/" in command.process_command_line(pid)

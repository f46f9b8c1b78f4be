"""Checks of this machine: what the tool runs."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

from skytier.doctor.check import Finding, failed, ok, warning

OLDEST_OPENSSH = (7, 3)
"""The first with ProxyJump, which leads through the bastion."""


def ssh() -> Finding:
    """The client that `skytier ssh` runs."""
    path = shutil.which("ssh")
    if not path:
        return failed(
            "There is no ssh.", "Install OpenSSH's client: apt-get install openssh-client"
        )
    ran = subprocess.run([path, "-V"], capture_output=True, text=True, check=False)
    said = (ran.stderr or ran.stdout).strip()
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
    if not version:
        return warning(
            f"{path} is not OpenSSH: {said[:60]}.", "What needs ProxyJump may not work with it."
        )
    if (int(version[1]), int(version[2])) < OLDEST_OPENSSH:
        return failed(f"{said} is too old.", "Install OpenSSH 7.3 or newer.")
    return ok(said.partition(",")[0])


def ssh_keygen() -> Finding:
    """The program that makes the stack's key."""
    if path := shutil.which("ssh-keygen"):
        return ok(path)
    return failed(
        "There is no ssh-keygen.", "Install OpenSSH's client: apt-get install openssh-client"
    )


def python() -> Finding:
    """The Python that runs this, and pip, which brings the application's packages."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036  # somebody may have forced its installation
        return failed(f"Python {version} is too old.", "Install Python 3.11 or newer.")
    if not find_spec("pip"):
        return warning(
            f"Python {version} without pip.",
            f"Releases of the application need it: {sys.executable} -m ensurepip",
        )
    return ok(f"Python {version}, with pip")

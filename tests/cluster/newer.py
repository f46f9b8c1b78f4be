"""A newer minor version of PostgreSQL, for machines in containers, which reach no archive."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.cluster.container import DEBIAN_12, SHARED, Container
from tests.releases import CACHE

NAMES = ("postgresql-15", "postgresql-client-15", "libpq5")
"""What a machine has of PostgreSQL's own source."""
_PLACE = "newer-postgresql"


def offer_newer(machines: Iterable[Container]) -> str:
    """Have machines of Debian 12 know the newest packages that this machine's archives have.

    Returns their version. Skips the test where the image has them already, and on other machines.
    """
    machines = list(machines)
    if any(machine.base != DEBIAN_12 for machine in machines):
        pytest.skip("this machine's archives are those of Debian 12")
    version = _shown("apt-cache", "policy", NAMES[0]).partition("Candidate: ")[2].split()[0]
    for machine in machines:
        there = machine.run(f"dpkg-query --show --showformat='${{Version}}' {NAMES[0]}")
        newer = ("dpkg", "--compare-versions", version, "gt", there)
        if subprocess.run(newer, check=False).returncode:
            pytest.skip(f"the archives have nothing newer than PostgreSQL {there}")
        place = machine.shared / _PLACE
        if not place.exists():
            shutil.copytree(_archive(version), place)
        machine.run(
            "rm -rf /etc/apt/sources.list.d; "
            f"echo 'deb [trusted=yes] file:{SHARED}/{_PLACE} ./' >/etc/apt/sources.list"
        )
    return version


def _archive(version: str) -> Path:
    """A directory with the packages and their list; downloaded once."""
    made = CACHE / f"{_PLACE}-{version}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{_PLACE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            new = made.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            wanted = [f"{name}={version}" for name in NAMES]
            apt = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=5")
            _shown(*apt, "download", *wanted, cwd=new)
            (new / "Packages").write_text("\n".join(map(_entry, sorted(new.glob("*.deb")))))
            new.rename(made)
    return made


def _entry(package: Path) -> str:
    contents = package.read_bytes()
    return (
        f"{_shown('dpkg-deb', '--field', str(package)).strip()}\n"
        f"Filename: ./{package.name}\nSize: {len(contents)}\n"
        f"SHA256: {hashlib.sha256(contents).hexdigest()}\n"
    )


def _shown(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd)
    return done.stdout

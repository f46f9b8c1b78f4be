"""Who needs a lock of apt's that somebody else has waits for it: real apt, in a directory."""

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from skytier.deploy.minor_upgrade import REFRESH
from skytier.poll import until
from skytier.render import render

REAL = shutil.which("apt-get")
pytestmark = pytest.mark.skipif(not REAL, reason="needs apt-get")
APT = render("skytier", "apt.sh")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An apt that has nothing but a directory, and notes there how each of its calls ended."""
    for name in (
        "lists/partial",
        "archives/partial",
        "state",
        "etc/sources.list.d",
        "etc/apt.conf.d",
        "bin",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(
        f"""
        Dir::State "{tmp_path}/state";
        Dir::State::lists "{tmp_path}/lists";
        Dir::State::status "{tmp_path}/state/status";
        Dir::Cache "{tmp_path}";
        Dir::Cache::archives "{tmp_path}/archives";
        Dir::Etc "{tmp_path}/etc";
        """
    )
    for name in ("state/status", "etc/sources.list"):
        (tmp_path / name).touch()
    program = tmp_path / "bin/apt-get"
    program.write_text(
        f'#!/bin/bash\n{REAL} "$@"\ncode=$?\necho $code >>{tmp_path}/calls\nexit $code\n'
    )
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"
    return {"PATH": path, "APT_CONFIG": str(tmp_path / "apt.conf"), "TMPDIR": str(tmp_path)}


def lock(path: Path) -> int:
    """Take a lock as apt does, of which a process of its own notices nothing."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    # An open file's lock (F_OFD_SETLK) is like one of another process for all of them.
    fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return file


@pytest.mark.parametrize(
    ("script", "place"),
    [
        (f"{APT} apt update", "lists"),
        (f"{APT} apt clean", "archives"),
        (f"set -e; {APT} apt update; echo all", "lists"),
        (REFRESH, "lists"),
    ],
    ids=["lists", "archives", "under set -e", "minor upgrade"],
)
def test_a_lock_of_somebody_else_is_waited_for(
    environment: dict[str, str], tmp_path: Path, script: str, place: str
) -> None:
    held = lock(tmp_path / place / "lock")
    calls = tmp_path / "calls"
    with subprocess.Popen(
        ["bash", "-c", script], env=environment, stdout=-1, stderr=-1, text=True
    ) as waits:
        refused = until(calls.exists, 60)
        os.close(held)
        said, errors = waits.communicate(timeout=60)
    assert refused
    assert (waits.returncode, errors) == (0, "")
    assert said == ("all\n" if "all" in script else "")
    assert set(calls.read_text().split()) == {"100", "0"}


@pytest.mark.parametrize(
    ("script", "code"), [(f"{APT} apt update", 100), (REFRESH, 0)], ids=["set-up", "minor upgrade"]
)
def test_what_no_lock_is_to_blame_for_is_told_at_once(
    environment: dict[str, str], tmp_path: Path, script: str, code: int
) -> None:
    (tmp_path / "etc/sources.list").write_text("deb is no source\n")
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert f"E: Malformed entry 1 in list file {tmp_path}/etc/sources.list" in (
        done.stdout if code == 0 else done.stderr
    )
    assert (tmp_path / "calls").read_text() == "100\n"

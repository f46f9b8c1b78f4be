"""A unit of a machine is waited for from the moment in which it was asked for."""

import os
import subprocess
from pathlib import Path

import pytest

from skytier.deploy import backups

SYSTEMCTL = """#!/bin/sh
# The job waits for the first two questions. The unit is never seen at work.
[ "$1" != list-jobs ] || [ "$(wc -l <asked)" -ge 2 ] || { echo >>asked; echo "1 $4 start waiting"; }
[ "$1" != is-active ] || { echo inactive; exit 3; }
"""


class Here:
    """This machine, with a systemctl of the test's."""

    name = "shop-database-1"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "asked").touch()
        (directory / "systemctl").write_text(SYSTEMCTL)
        (directory / "systemctl").chmod(0o755)

    def run(self, script: str, stdin: bytes | None = None) -> str:
        path = f"{self._directory}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self._directory,
            env={**os.environ, "PATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout


def test_one_whose_job_waits_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "POLL_S", 0)
    told: list[str] = []

    backups.run(Here(tmp_path), "skytier-restore.service", told.append, "restoring")

    assert told == ["restoring", "restoring"]

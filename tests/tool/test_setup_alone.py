"""A set-up waits for one that goes on though its connection was lost: bash, in a directory."""

import fcntl
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from skytier.deploy.setup import set_up
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError
from skytier.poll import until
from skytier.services.setup import File, Setup

FLOCK = shutil.which("flock")
pytestmark = pytest.mark.skipif(not FLOCK, reason="needs flock")
LOCK = "/run/skytier-set-up.lock"


@dataclass
class Here:
    """A machine whose directories are in one of the test's own."""

    home: Path
    patience_s: int = 900
    name: str = "shop-database-1"

    def __post_init__(self) -> None:
        (self.home / "bin").mkdir(exist_ok=True)
        flock = self.home / "bin/flock"
        flock.write_text(f'#!/bin/sh\necho >>{self.home}/asked\nexec {FLOCK} "$@"\n')
        flock.chmod(0o755)

    @property
    def log(self) -> list[str]:
        path = self.home / "log"
        return path.read_text().split() if path.exists() else []

    def run(self, script: str, stdin: bytes | None = None) -> str:
        for place, here in {
            "--directory=/": f"--directory={self.home}",
            "--same-owner ": "",
            "/etc/skytier": f"{self.home}/etc/skytier",
            "/usr/local/lib/skytier": f"{self.home}/usr/local/lib/skytier",
            "/var/log/cloud-init-output.log": f"{self.home}/bin/flock",
            LOCK: f"{self.home}/lock",
            "--wait 900": f"--wait {self.patience_s}",
        }.items():
            script = script.replace(place, here)
        environment = {**os.environ, "PATH": f"{self.home}/bin:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", script], input=stdin, capture_output=True, env=environment
        )
        if done.returncode:
            raise CommandError("It failed.", "Look.", done.stderr.decode())
        return done.stdout.decode()

    def set_up(self, script: str, text: str = "") -> None:
        files = [File("/etc/skytier/shop.conf", text)] if text else []
        set_up(self, Setup(files, script), {}, lambda said: None)


def test_the_second_begins_when_the_first_has_ended(tmp_path: Path) -> None:
    here = Here(tmp_path)
    log, go, conf = (tmp_path / name for name in ("log", "go", "etc/skytier/shop.conf"))
    first = f"cat {conf} >>{log}; until [ -e {go} ]; do sleep 0.1; done; cat {conf} >>{log}"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(here.set_up, first, "first\n")
        assert until(lambda: here.log == ["first"], 60)
        waiting = pool.submit(here.set_up, f"cat {conf} >>{log}", "second\n")
        arrived = until(lambda: (tmp_path / "asked").read_text().count("\n") == 2, 60)
        go.touch()
        running.result(60)
        waiting.result(60)
    assert arrived
    assert here.log == ["first", "first", "second"]


def test_what_a_set_up_leaves_running_keeps_nobody_waiting(tmp_path: Path) -> None:
    here = Here(tmp_path, patience_s=0)
    here.set_up(f"sleep 600 >/dev/null 2>&1 </dev/null & echo $! >{tmp_path}/pid")
    try:
        here.set_up(f"echo again >>{tmp_path}/log")
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)
    assert here.log == ["again"]


def test_one_that_does_not_end_is_told_with_how_to_wait_for_it(tmp_path: Path) -> None:
    here = Here(tmp_path, patience_s=0)
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(SkytierError) as raised:
            here.set_up(f"echo never >>{tmp_path}/log", "second")

    assert raised.value.what.startswith("shop-database-1: An earlier set-up")
    assert "skytier exec shop-database-1 'flock " in str(raised.value.do)
    assert here.log == []
    assert not (tmp_path / "etc/skytier/shop.conf").exists()


def test_why_a_set_up_fails_is_told_as_before(tmp_path: Path) -> None:
    here = Here(tmp_path)
    with pytest.raises(SkytierError) as raised:
        here.set_up('echo "It isn\'t so." >&2; exit 3')
    assert "could not be set up. It said:\nIt isn't so.\n" in raised.value.what
    with pytest.raises(SkytierError) as raised:
        here.set_up("printf '%s\\n' 'Refused by Skytier:' 'No.' 'Do that.' >&2; exit 1")
    assert (raised.value.what, raised.value.do) == ("shop-database-1: No.", "Do that.")

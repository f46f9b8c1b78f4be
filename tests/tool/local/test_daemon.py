"""A daemon that is started by a script, which becomes another program."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.local import process
from skytier.local.daemon import Daemon
from skytier.local.home import Home
from skytier.poll import until

FORKS = """
import os, pathlib, time
if os.fork():
    pathlib.Path("forked").touch()
time.sleep(600)
"""
SCRIPT = f"""#!/bin/sh
while [ ! -e go ]; do sleep 0.01; done
exec '{sys.executable}' -c '{FORKS}'
"""


@pytest.fixture
def home() -> Iterator[Home]:
    """Its path is short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="skytier-") as directory:
        home = Home(Path(directory))
        home.create()
        yield home


@pytest.fixture
def daemon(home: Home, tmp_path: Path) -> Iterator[Daemon]:
    script = tmp_path / "launcher"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    daemon = Daemon(home, "launched")
    daemon.start([script], os.environ)
    yield daemon
    daemon.stop(signal.SIGKILL, 5)


def _forked(daemon: Daemon, home: Home) -> int:
    """Have the script become another program, which forks. Returns the leader's process id."""
    (home.path / "go").touch()
    daemon.wait((home.path / "forked").exists, 120, lambda _: None)
    pid = daemon.state().pid
    assert pid is not None
    return pid


def test_the_children_are_known_once_the_script_is_another_program(
    daemon: Daemon, home: Home
) -> None:
    record = daemon.remembered()
    assert record is not None
    leader = _forked(daemon, home)

    assert len(daemon.processes()) == 2
    daemon.remember(record)
    assert len(daemon.processes()) == 2, "a record of an earlier release names the shell"
    assert leader in {each.pid for each in daemon.processes()}


@pytest.mark.parametrize("is_ready", [True, False])
def test_children_that_outlive_it_are_found_and_ended(
    daemon: Daemon, home: Home, is_ready: bool
) -> None:
    leader = _forked(daemon, home)
    if is_ready:
        daemon.ready({"version": "1"})
    os.kill(leader, signal.SIGKILL)
    assert until(lambda: daemon.state().pid is None, 120)

    (child,) = daemon.state().leftovers
    daemon.stop(signal.SIGTERM, 5)
    assert daemon.processes() == []
    assert process.identity(child) is None

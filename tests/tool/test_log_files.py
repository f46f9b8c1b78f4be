"""Real logrotate takes log files when the distribution says so, and when they are large."""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skytier import roles
from skytier.topology import Machine
from tests.roles.topology import DATABASE, TOPOLOGY, WEB

PROGRAM = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="needs logrotate")
CONF = "/etc/skytier/logrotate.conf"
MIB = 2**20
# What Debian and Ubuntu bring, shortened.
NGINX = """{logs}/nginx*.log {{
    daily
    missingok
    rotate 3
    delaycompress
    compress
    notifempty
    sharedscripts
    postrotate
        echo again >>{home}/nginx
    endscript
}}
"""
POSTGRESQL = """{logs}/postgresql*.log {{
    weekly
    rotate 10
    copytruncate
    notifempty
    missingok
}}
"""


class Logs:
    """A directory with the logs and the configuration of a machine."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "log"
        self.logs.mkdir(mode=0o755)
        (home / "logrotate.d").mkdir()
        for name, text in {"nginx": NGINX, "postgresql": POSTGRESQL}.items():
            path = home / "logrotate.d" / name
            path.write_text(text.format(logs=self.logs, home=home))
            path.chmod(0o644)
        (home / "distribution.conf").write_text(
            f"weekly\nrotate 4\ncreate\ninclude {home}/logrotate.d\n"
        )
        (text,) = [f.text for f in roles.setup(TOPOLOGY, WEB).files if f.path == CONF]
        (home / "skytier.conf").write_text(
            text.replace("/etc/logrotate.conf", str(home / "distribution.conf"))
        )
        for path in home.glob("*.conf"):
            path.chmod(0o644)

    def write(self, name: str, size: int) -> None:
        """A log of so many bytes, with holes."""
        with (self.logs / name).open("a") as file:
            file.truncate(size)

    def run(self, days: float = 0) -> None:
        """As the timer does; all were rotated so many days ago."""
        then = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%-m-%-d-%-H:%-M:%-S")
        files = "".join(f'"{path}" {then}\n' for path in self.logs.glob("*.log"))
        state = self.home / "state"
        state.write_text(f"logrotate state -- version 2\n{files}")
        state.chmod(0o640)
        assert PROGRAM
        words = [PROGRAM, f"--state={state}", str(self.home / "skytier.conf")]
        done = subprocess.run(words, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    def seen(self) -> list[str]:
        return sorted(path.name for path in self.logs.iterdir())


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def test_a_large_one_is_rotated_before_its_day_and_a_small_one_is_not(logs: Logs) -> None:
    for name in ("nginx", "postgresql"):
        logs.write(f"{name}.log", 201 * MIB)
        logs.write(f"{name}-small.log", 2 * MIB)

    logs.run()

    assert set(logs.seen()) - {"nginx-small.log", "postgresql-small.log"} == {
        *("nginx.log", "nginx.log.1", "postgresql.log", "postgresql.log.1")
    }
    assert (logs.logs / "nginx.log.1").stat().st_size == 201 * MIB
    # Nginx opens a new file, and PostgreSQL goes on in the same one.
    assert (logs.home / "nginx").read_text() == "again\n"
    assert (logs.logs / "nginx.log").stat().st_size == 0
    assert (logs.logs / "postgresql.log").stat().st_size == 0


def test_what_the_distribution_says_goes_on(logs: Logs) -> None:
    logs.write("nginx.log", MIB)
    logs.write("postgresql.log", MIB)
    logs.run(days=2)
    assert logs.seen() == ["nginx.log", "nginx.log.1", "postgresql.log"]
    logs.run(days=9)
    assert logs.seen() == ["nginx.log", "nginx.log.1", "postgresql.log", "postgresql.log.1"]


def test_what_is_kept_of_them_has_an_end(logs: Logs) -> None:
    for _ in range(6):
        logs.write("nginx.log", 201 * MIB)
        logs.run()
    assert logs.seen() == [*("nginx.log", "nginx.log.1", "nginx.log.2.gz", "nginx.log.3.gz")]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize("machine", [WEB, DATABASE], ids=lambda machine: machine.name)
def test_each_machine_looks_each_ten_minutes(machine: Machine) -> None:
    setup = roles.setup(TOPOLOGY, machine)
    texts = {file.path: file.text for file in setup.files}
    timer = texts["/etc/systemd/system/logrotate.timer.d/skytier.conf"]
    # Those of the distribution are emptied first, or it would be one more.
    (empty, calendar) = re.findall(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    assert empty == ""
    words = ["systemd-analyze", "calendar", "--base-time=2026-11-30 10:00:01", calendar]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert re.search(r"Next elapse: .*2026-11-30 10:10:00", said)
    service = texts["/etc/systemd/system/logrotate.service.d/skytier.conf"]
    assert service.endswith(f"ExecStart=\nExecStart=/usr/sbin/logrotate {CONF}\n")
    assert CONF in texts
    assert "systemctl restart logrotate.timer" in setup.script

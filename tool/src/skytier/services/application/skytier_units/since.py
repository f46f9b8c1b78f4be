"""Which units have processes of the application from before a file was written.

They still have what was in the file then: a process reads its credentials when it starts.
"""

import os
import pwd
import time
from pathlib import Path

USER = "skytier"
_STARTED, _TICKS = 19, os.sysconf("SC_CLK_TCK")


def before(path: str) -> list[str]:
    """The names of the units, sorted."""
    uid = str(pwd.getpwnam(USER).pw_uid)
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text()
            if uid == status.partition("\nUid:")[2].split()[0] and is_before(process.name, path):
                found.add(_unit((process / "cgroup").read_text()) or process.name)
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return sorted(found)


def is_before(pid: object, path: str | Path) -> bool:
    """Whether a process started before a file was written. Raises OSError when it has ended."""
    # The name of its program, in parentheses, may have any characters.
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return int(values[_STARTED]) / _TICKS < Path(path).stat().st_mtime - booted


def _unit(cgroup: str) -> str:
    """The last unit of a path: `0::/system.slice/skytier-app.service`."""
    units = [part for part in cgroup.split("/") if part.strip().endswith((".service", ".scope"))]
    return units[-1].strip() if units else ""

"""What is kept of the trees that were built: whoever adds one takes the oldest away."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

KEPT = 20
DAY_S = 86_400.0
ARCHIVE, BUILDING = ".tar.gz", "new-"


def used(archive: Path) -> None:
    """Note that an archive is used now."""
    # It may be of another account, which sees to it itself.
    with suppress(OSError):
        os.utime(archive)


def trim(directory: Path) -> None:
    """Leave the KEPT archives that were used last, and all that were used within a day.

    What a build that was killed left there goes after a day.
    """
    newest = sorted(directory.glob(f"*{ARCHIVE}"), key=_used_s, reverse=True)
    for path in [*newest[KEPT:], *directory.glob(f"{BUILDING}*")]:
        if time.time() - _used_s(path) < DAY_S:
            continue
        # Another process may be at it, too.
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _used_s(path: Path) -> float:
    """When it was used; the beginning of time for one that is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

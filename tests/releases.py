"""Releases of applications, each built once for all tests of this machine."""

import fcntl
from pathlib import Path

from skytier import files, release
from skytier.release.platform import Platform

CACHE = Path("/var/cache/skytier-tests")
"""Where root keeps what takes long to make, and is the same each time."""


def cache_home() -> Path:
    """The parent of the cache, as XDG_CACHE_HOME is: another one when the code that builds is."""
    code = files.tree_fingerprint(Path(release.__file__).parent)
    return CACHE / f"releases-{code.removeprefix(files.HASH)[:8]}"


def built(application: release.Application, target: Platform) -> release.Release:
    """A release for a platform. Of tests that ask for it at the same time, one builds it."""
    home = cache_home()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return release.build(application, target, cache=home / "skytier")

"""The machine that measures: its programs, its cache directory, its processors, what it is."""

import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skytier.errors import SkytierError

PACKAGES = {"wrk": "wrk", "nginx": "nginx", "taskset": "util-linux"}
"""Programs that every run needs, and the Debian packages that bring them."""
NODE_PACKAGES = {"node": "nodejs", "npm": "npm"}
CHECKOUT = Path(__file__).parents[2]


def say(text: str) -> None:
    """Tell how it goes; standard output is for the results."""
    print(text, file=sys.stderr, flush=True)


def cache() -> Path:
    """Where environments and data are kept between runs, outside the checkout."""
    if os.geteuid() == 0:
        # PostgreSQL runs as another user, and has to reach it.
        return Path("/var/cache/skytier/bench")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skytier/bench"


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until no other run uses what `name` stands for; none does for the time of the block."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another run uses {name}: waiting for its end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def telling(command: str) -> Iterator[None]:
    """Turn what ends a run early into one line; all that it started is ended before."""
    # `timeout` and the like end it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except SkytierError as error:
        raise SystemExit(f"{command}: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def program(name: str) -> str:
    """The path of a program that `require` has seen."""
    found = _find(name)
    if found is None:
        raise SkytierError(f"There is no {name} on this machine.", _how_to_install([name]))
    return found


def require(packages: dict[str, str]) -> None:
    """Install what is missing with apt when root. Raises SkytierError with what to install."""
    missing = [package for name, package in packages.items() if not _find(name)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installing {' '.join(missing)} ...")
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        # RUNLEVEL=1 keeps the packages from starting services of their own.
        environment = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, env=environment, check=False, stdout=sys.stderr)
    if missing := [package for name, package in packages.items() if not _find(name)]:
        raise SkytierError(
            f"The benchmark needs {', '.join(missing)}, and this machine has none.",
            _how_to_install(missing),
        )


def last_processor() -> str:
    """The processor that load generators are pinned to, as taskset names it."""
    return str(max(os.sched_getaffinity(0)))


def description() -> str:
    """Processors and memory, in a line."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processors = len(os.sched_getaffinity(0))
    return f"{processors} x {(names or [platform.machine()])[0]}, {gib:.0f} GiB"


def _find(name: str) -> str | None:
    # Debian does not put /usr/sbin into an ordinary user's PATH.
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")


def _how_to_install(packages: list[str]) -> str:
    return f"On Debian and Ubuntu: sudo apt-get install {' '.join(packages)}"

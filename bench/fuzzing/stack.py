"""A stack on this machine, behind Nginx or with Uvicorn alone."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.speed import machine
from bench.speed.server import free_port
from skytier.errors import SkytierError
from skytier.local.home import Home

SKYTIER = Path(sys.executable).with_name("skytier")
# In a mount namespace of its own, where the program is covered by something that does not run.
_HIDE_NGINX = 'mount --bind /dev/null "$0" && exec "$@"'


@contextmanager
def running(*, behind_nginx: bool) -> Iterator[tuple[str, Home]]:
    """Its host and port, and its home; gone at the end. Raises SkytierError."""
    # A short path that PostgreSQL's user can pass.
    root = Path(tempfile.mkdtemp(prefix="sky"))
    root.chmod(0o711)
    home = Home(root / "home")
    port = free_port()

    def run(*words: str, before: tuple[str, ...] = ()) -> None:
        done = subprocess.run(
            [*before, str(SKYTIER), *words],
            check=False,
            env={**os.environ, "SKYTIER_HOME": str(home.path)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SkytierError(f"skytier {words[0]} failed:\n{done.stdout}{done.stderr}")

    try:
        before = () if behind_nginx else _without_nginx()
        run("up", "--port", str(port), "--workers", "2", "--no-monitor", before=before)
        yield f"127.0.0.1:{port}", home
    finally:
        run("down", "--purge", "--yes")
        shutil.rmtree(root)


def _without_nginx() -> tuple[str, ...]:
    if os.geteuid() != 0:
        raise SkytierError("Only root can hide Nginx.", "Run with --front nginx, or as root.")
    return ("unshare", "--mount", "sh", "-c", _HIDE_NGINX, machine.program("nginx"))

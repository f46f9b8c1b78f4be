"""A stack on this machine, behind Nginx or with Uvicorn alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench.own_stack import address, own_stack
from bench.speed import machine
from skytier.errors import SkytierError
from skytier.local.home import Home

# In a mount namespace of its own, where the program is covered by something that does not run.
_HIDE_NGINX = 'mount --bind /dev/null "$0" && exec "$@"'


@contextmanager
def running(*, behind_nginx: bool) -> Iterator[tuple[str, Home]]:
    """Its host and port, and its home; removed at the end. Raises SkytierError."""
    before = () if behind_nginx else _without_nginx()
    with own_stack("--workers", "2", "--no-monitor", before=before) as home:
        yield address(home), home


def _without_nginx() -> tuple[str, ...]:
    if os.geteuid() != 0:
        raise SkytierError("Only root can hide Nginx.", "Run with --front nginx, or as root.")
    return ("unshare", "--mount", "sh", "-c", _HIDE_NGINX, machine.program("nginx"))

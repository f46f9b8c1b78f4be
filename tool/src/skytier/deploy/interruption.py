"""Ctrl-C while threads are at work."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from skytier.errors import SkytierError


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Within it Ctrl-C sets `stop`, and is raised at the end; a second one is raised at once.

    An exception that comes anywhere would leave a pool of threads half made.
    """
    before, came = signal.getsignal(signal.SIGINT), threading.Event()
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        came.set()
        stop.set()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came.is_set():
            raise KeyboardInterrupt


@contextmanager
def interrupted(what: str, do: str) -> Iterator[None]:
    """Within it Ctrl-C is a SkytierError that says what is left, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise SkytierError(what, do) from None

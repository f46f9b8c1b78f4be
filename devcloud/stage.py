"""A stage of the work: says what it does, and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stage:
    """What a stage tells while it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result = ""

    def doing(self, what: str) -> None:
        """Say what begins now. A stage that finds nothing to do never calls this."""
        say(f"… {self.name:<15}{what}")

    def done(self, result: str) -> None:
        """Note what has changed."""
        self.result = result


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def stage(name: str) -> Iterator[Stage]:
    """Run a stage; afterwards print its result and the seconds it took."""
    start = time.monotonic()
    current = Stage(name)
    try:
        yield current
    except BaseException:
        say(f"✗ {name:<15}after {time.monotonic() - start:.1f} s")
        raise
    seconds = time.monotonic() - start
    sign, result = ("✓", current.result) if current.result else ("=", "nothing changed")
    say(f"{sign} {name:<15}{result}  {seconds:.1f} s")

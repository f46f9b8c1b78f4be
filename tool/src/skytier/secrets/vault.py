"""The secrets of a stack, kept on one of its machines.

Made on the operator's side when there is none yet, sent over SSH, kept in /etc/skytier/secrets
where only root reads them before anything uses them, and read from there the next time, from
whichever machine.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from skytier.secrets.secret import Given, Secret

Read = Callable[[], dict[str, str]]
"""Reads the secrets that are kept: name to text."""
Keep = Callable[[Mapping[str, str]], None]
"""Keeps secrets: name to text."""
Make = Callable[[Secret], Mapping[str, str]]
"""Makes a secret: name to text."""


def given(secrets: Iterable[Secret]) -> dict[str, str]:
    """Those of secrets that this run was given in its environment: name to text."""
    return {
        secret.name: text
        for secret in secrets
        # A variable that a pipeline does not know is empty there.
        if isinstance(secret, Given) and (text := os.environ.get(secret.variable))
    }


class Vault:
    """Secrets by name. What is read is read once, since several machines ask at the same time."""

    def __init__(self, keep: Keep, make: Make = lambda secret: secret.make()) -> None:
        """`make` is for a backend whose cloud makes some of them."""
        self._keep, self._make = keep, make
        self._stored: dict[str, str] | None = None
        self._lock = threading.Lock()

    def get(
        self,
        names: Sequence[str],
        declared: Sequence[Secret],
        read: Read,
        *,
        with_all: bool = False,
    ) -> dict[str, str]:
        """The secrets of these names; what is missing is made, and kept before it is returned.

        `declared` has all secrets of the stack. `with_all` returns all of those that there are,
        for the machine that keeps them. Raises SkytierError for one that has to be given, and was
        not.
        """
        with self._lock:
            if self._stored is None:
                self._stored = read()
            stored = self._stored
            new = {
                name: text
                for name, text in given(declared).items()
                if name in names and stored.get(name) != text
            }
            for secret in declared:
                if not set(names).isdisjoint(secret.names) and not _is_good(secret, stored | new):
                    new |= self._make(secret)
            if new:
                self._keep(new)
                stored |= new
            there = [name for secret in declared for name in secret.names if name in stored]
            return {name: stored[name] for name in (*names, *(there if with_all else ()))}


def _is_good(secret: Secret, stored: Mapping[str, str]) -> bool:
    return all(name in stored for name in secret.names) and secret.fits(stored)

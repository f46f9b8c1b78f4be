"""A step that makes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from skytier.deploy.kind import Found, Known, Tell, Wanted


@dataclass(frozen=True)
class Task:
    """A kind that keeps nothing: its step only runs something."""

    name: str
    run: Callable[[Tell], str]
    """Returns the result in a few words."""
    fixed: ClassVar[frozenset[str]] = frozenset()

    def find(self) -> list[Found]:
        """Nothing of it stays."""
        return []

    def create(self, wanted: Wanted, known: Known) -> Found:
        """It runs in `reconcile`."""
        return Found(wanted.key, "", wanted.attributes)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Run it."""
        tell(self.run(tell))
        return found

    def delete(self, found: Found, tell: Tell) -> None:
        """There is nothing to delete."""

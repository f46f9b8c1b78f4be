"""Kinds whose resources stand in one list of the API: a look at all kinds asks for it once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from skytier.deploy.kind import Found


class Listed(ABC):
    """A kind that finds its own in a list, which other kinds may read, too."""

    lists: Callable[[], list[Any]]
    """Asks for the list. It is the same function for all kinds that read it."""

    def find(self) -> list[Found]:
        """Its own, as they are now."""
        return list(self.among(self.lists()))

    @abstractmethod
    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Its own of the list."""

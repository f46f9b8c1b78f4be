"""A watched stack that is up, as the measurement needs it."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Used(NamedTuple):
    """What a process has used so far."""

    cpu_s: float
    mib: float
    """Memory now, shared pages shared out (PSS)."""


Parts = Mapping[tuple[str, str], Used]
"""Machine and part to what it has used: `("shop-web-1", "prometheus")`."""


class Watched(Protocol):
    """A stack with its exporters, Prometheus and Alertmanager."""

    @property
    def address(self) -> str:
        """Its entry point by HTTP: `203.0.113.7` or `127.0.0.1:8000`."""

    @property
    def where(self) -> str:
        """For the heading: `on mycloud`."""

    def used(self) -> Parts:
        """What each part that watches has used so far."""

    def answers(self) -> bool:
        """Whether Prometheus has read its data and answers a query."""

    def freeze(self) -> None:
        """Stop all that watches where it stands: it keeps its memory, and gets no processor.

        A start of Prometheus costs more than a minute of its work, and would be measured with it.
        """

    def thaw(self) -> None:
        """Let it go on."""

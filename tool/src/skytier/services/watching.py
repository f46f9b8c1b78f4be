"""What services have in common that are there to watch the others."""

from collections.abc import Sequence

from skytier.render import render
from skytier.services.service import Placement, Service
from skytier.services.setup import Setup
from skytier.stackfile import StackFile


class WatchingService(Service):
    """One unit of the distribution, where the stack is watched."""

    unit: str
    """Its package, its program and its unit."""

    def enabled(self, stack: StackFile) -> bool:
        """Where the stack is watched."""
        return stack.monitor.enabled

    def packages(self, at: Placement) -> Sequence[str]:
        """Its own."""
        return [self.unit]

    def removal(self, at: Placement) -> Setup:
        """It is stopped, and stays stopped, if Skytier once set it up."""
        return Setup(script=render("skytier", "stop.sh", name=self.unit))

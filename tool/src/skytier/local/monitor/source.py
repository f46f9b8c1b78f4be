"""Where the figures of the stack on this machine come from."""

from skytier.errors import SkytierError
from skytier.local import options
from skytier.local.monitor import parts, ports
from skytier.local.stack import Stack
from skytier.metrics import target
from skytier.metrics.catalogue import UP
from skytier.metrics.history import History
from skytier.metrics.live import Live
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Source


def source(stack: Stack) -> Source:
    """What knows the past: Prometheus where it runs, else what the recorder wrote.

    Raises SkytierError when neither is there.
    """
    if running := _prometheus(stack):
        return running
    path = parts.history(stack.home)
    if not path.exists():
        raise SkytierError(
            "Nothing was measured on this machine yet.", "Start it, watched: skytier up --monitor"
        )
    return History(path)


def current(stack: Stack) -> Prometheus | Live:
    """What knows the present: Prometheus where it answers, else the exporters themselves."""
    if running := _prometheus(stack):
        try:
            running.latest(UP)
        except SkytierError:
            pass
        else:
            return running
    around = stack.monitor.around(options.load(stack.home))
    running_parts = {name for name, found in stack.monitor.found_parts().items() if found.pid}
    addresses = parts.addresses(around, running_parts)
    targets = [target.at(where, parts.labels(job)) for job, where in addresses.items()]
    return Live(lambda: targets)


def _prometheus(stack: Stack) -> Prometheus | None:
    address = ports.address(stack.home, parts.PROMETHEUS)
    if stack.monitor.found_parts()[parts.PROMETHEUS].pid is None or address is None:
        return None
    return Prometheus(f"http://{address}")

"""Where the figures of the stack on this machine come from."""

from skytier.errors import SkytierError
from skytier.local import options
from skytier.local.monitor import ports, processes
from skytier.local.stack import LocalStack
from skytier.metrics import target
from skytier.metrics.history import History
from skytier.metrics.live import Live
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Source
from skytier.services.prometheus.charts import UP


def source(stack: LocalStack) -> Source:
    """What knows the past: Prometheus where it runs, else what the recorder wrote.

    Raises SkytierError when neither is there.
    """
    if running := _prometheus(stack):
        return running
    path = processes.history(stack.home)
    if not path.exists():
        if stack.home.monitor.exists():
            raise SkytierError(
                "Prometheus does not run, and only it can read what it measured.",
                "Start it: skytier up --monitor",
            )
        raise SkytierError(
            "Nothing was measured on this machine yet.",
            "Start it with the monitor: skytier up --monitor",
        )
    return History(path)


def current(stack: LocalStack) -> Prometheus | Live:
    """What knows the present: Prometheus where it answers, else the exporters themselves."""
    if running := _prometheus(stack):
        try:
            running.latest(UP)
        except SkytierError:
            pass
        else:
            return running
    facts = stack.monitor.facts(options.load(stack.home))
    there = {name for name, state in stack.monitor.states().items() if state.pid}
    addresses = processes.addresses(facts, there)
    targets = [target.at(where, processes.labels(job)) for job, where in addresses.items()]
    return Live(lambda: targets)


def _prometheus(stack: LocalStack) -> Prometheus | None:
    address = ports.address(stack.home, processes.PROMETHEUS)
    if stack.monitor.states()[processes.PROMETHEUS].pid is None or address is None:
        return None
    return Prometheus(f"http://{address}")

"""The stack on this machine, to be looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

from skytier.local import options
from skytier.local.monitor.processes import PROMETHEUS
from skytier.local.monitor.source import current
from skytier.local.service import MACHINE_NAME, ROLE_NAME, STACK_NAME
from skytier.local.stack import LocalStack
from skytier.metrics.picture import Place
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Source
from skytier.metrics.view import View


@contextmanager
def view(stack: LocalStack) -> Iterator[View]:
    """It works without a monitor, and when nothing runs: there are the machine's own figures."""

    def choose() -> tuple[Source, str]:
        found, chosen = current(stack), options.load(stack.home)
        wanted = chosen.monitor and PROMETHEUS in stack.monitor.facts(chosen).programs
        away = wanted and not isinstance(found, Prometheus)
        return found, "Prometheus does not run: skytier up starts it." if away else ""

    yield View(STACK_NAME, None, [Place(MACHINE_NAME, ROLE_NAME)], choose)

"""The stack on this machine, to be looked at."""

from skytier.local import options
from skytier.local.monitor.parts import MACHINE_NAME, PROMETHEUS, ROLE_NAME, STACK_NAME
from skytier.local.monitor.source import current
from skytier.local.stack import Stack
from skytier.metrics.picture import Place
from skytier.metrics.source import Source
from skytier.metrics.view import View


def view(stack: Stack) -> View:
    """It works without a monitor, and when nothing runs: there are the machine's own figures."""

    def choose() -> tuple[Source, str]:
        found = current(stack)
        away = found.name != "Prometheus" and options.load(stack.home).monitor
        wanted = stack.monitor.around(options.load(stack.home)).programs
        note = (
            "Prometheus does not run: skytier up starts it."
            if away and PROMETHEUS in wanted
            else ""
        )
        return found, note

    return View(STACK_NAME, None, [Place(MACHINE_NAME, ROLE_NAME)], choose)

"""The watching of a stack on this machine, with its intervals and waits cut short.

What it looks at, and what it makes of that, stays as it is. The next `up` that starts a part again
gives it its own configuration back.
"""

import os
import re
import signal

from skytier.local.home import Home
from skytier.local.stack import LocalStack
from tests.skytier_command import Skytier

LOOKS = {
    # No less: on a busy machine an exporter takes its time.
    r"(scrape_interval|scrape_timeout): \d+s": r"\1: 5s",
    r"evaluation_interval: \d+s": "evaluation_interval: 1s",
}
"""How often is looked, and how often thought about what was seen."""
WAITS = {
    r"for: 1m": "for: 1s",
    r"(group_wait|group_interval): \w+": r"\1: 1s",
}
"""How long is waited before and between messages."""


def hurry(skytier: Skytier, cuts: dict[str, str]) -> None:
    """Cut some waits of a stack that runs."""
    etc = skytier.home / "etc"
    for path in [*(etc / "rules").iterdir(), etc / "prometheus.yml", etc / "alertmanager.yml"]:
        text = path.read_text()
        for old, new in cuts.items():
            text = re.sub(old, new, text)
        path.write_text(text)
    found = LocalStack(Home(skytier.home)).monitor.states()
    for part in ("prometheus", "alertmanager"):
        pid = found[part].pid
        assert pid is not None, f"{part} does not run"
        os.kill(pid, signal.SIGHUP)

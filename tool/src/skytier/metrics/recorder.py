"""Writes the history: `python -m skytier.metrics.recorder TARGETS HISTORY`, until a signal ends it.

TARGETS is a JSON file: a list of targets, each with its `address` and its labels.
"""

import json
import sys
import time
from pathlib import Path

from skytier.metrics import target
from skytier.metrics.history import EVERY_S, Writer
from skytier.metrics.live import Live
from skytier.metrics.target import Target


def targets(path: Path) -> list[Target]:
    """The targets that a file names."""
    listed: list[dict[str, str]] = json.loads(path.read_text())
    return [target.at(each.pop("address"), each) for each in listed]


def main() -> None:
    """Look every EVERY_S, and write what is seen."""
    named, history = (Path(word) for word in sys.argv[1:3])
    watched = targets(named)
    live, writer = Live(lambda: watched), Writer(history)
    live.look()
    time.sleep(1)
    while True:
        began = time.monotonic()
        writer.write(*live.look())
        time.sleep(max(EVERY_S - (time.monotonic() - began), 1))


if __name__ == "__main__":
    main()

"""The command: skytier-units COMMAND [ARGUMENT]

    start RELEASE     start its processes beside those that run, and see that they stay up
    switch RELEASE    end the processes of all other releases, and set the timers of its jobs
    stop RELEASE      end its processes
    status            what runs of the application, as JSON
    check             whether its processes run
    up INSTANCE       measure that a process runs
    down INSTANCE     measure that it does not
    before FILE       the units with processes from before a file was written
    ran JOB           measure how a job ended, by systemd's EXIT_STATUS

Run as root.
"""

import json
import sys

from . import metrics, since, systemd
from .shown import complaints


def main() -> None:
    """Do what the command line says."""
    command, *more = sys.argv[1:]
    if command == "status":
        print(json.dumps(systemd.status()))  # noqa: T201
    elif command == "check":
        if wrong := list(complaints(systemd.status())):
            sys.exit("\n".join(wrong))
    elif command == "before":
        print("\n".join(since.before(*more)))  # noqa: T201
    else:
        commands = {"start": systemd.start, "switch": systemd.switch, "stop": systemd.stop}
        measures = {"up": metrics.up, "down": metrics.down, "ran": metrics.ran}
        (commands | measures)[command](*more)


if __name__ == "__main__":
    main()

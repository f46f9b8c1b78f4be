"""What systemd should have of a release, by its application.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import HOME


@dataclass(frozen=True)
class Wanted:
    """What systemd should have of a release."""

    processes: Mapping[str, str]
    """Unit to the addition that makes it a process of this release."""
    timers: Mapping[str, str]
    """Unit to its file."""


def wanted(
    application: Mapping[str, Any], release: str, *, variables: bool, old: bool = False
) -> Wanted:
    """What systemd should have, by a release's application.json.

    `variables` is whether the release has a file of secret variables, and `old` whether systemd is
    older than 247, which gives a service no credentials.
    """
    place = f"{HOME}/releases/{release}"
    processes = {}
    for each in application.get("processes", []):
        for number in range(1, each["count"] + 1):
            lines = [
                "# Written by Skytier.",
                "[Unit]",
                f"Description=The application's {each['name']} {number}, release {release}",
                "[Service]",
                "ExecStart=",
                f"ExecStart={place}/skytier-app process {each['name']}",
                f"KillSignal={each['signal']}",
                f"TimeoutStopSec={each['stop_s']}",
            ]
            if variables and old:
                lines.append(
                    "ExecStartPre=+/usr/bin/install -o skytier -g skytier -m 0400 -T "
                    f"{place}/variables.json /run/%p-%i/skytier_variables"
                )
            elif variables:
                lines.append(f"LoadCredential=skytier_variables:{place}/variables.json")
            if each["memory_mib"]:
                lines.append(f"MemoryMax={each['memory_mib']}M")
            unit = f"skytier-process@{each['name']}.{number}.{release}.service"
            processes[unit] = "\n".join(lines) + "\n"
    timers = {
        f"skytier-job@{each['name']}.timer": (
            "# Written by Skytier.\n"
            f"[Unit]\nDescription=When the application's {each['name']} runs\n"
            f"[Timer]\nOnCalendar={each['at']}\nAccuracySec=100ms\n"
        )
        for each in application.get("jobs", [])
    }
    return Wanted(processes, timers)


def parts(unit: str) -> tuple[str, int, str]:
    """Name, number and release of a process's unit.

    >>> parts("skytier-process@worker.1.0.1.0-3f2a.service")
    ('worker', 1, '0.1.0-3f2a')
    """
    instance = unit.removesuffix(".service").partition("@")[2]
    name, number, release = instance.split(".", 2)
    return name, int(number), release


def parts_of_job(unit: str) -> str:
    """The name of a job, by its unit or its timer."""
    return unit.partition("@")[2].rpartition(".")[0]

"""Processes and jobs of an application, as its release has them in application.json."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from skytier.stackfile import oncalendar
from skytier.stackfile.processes import Job, Process

Beside = tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
"""The processes and the jobs of a release, as `described` has them."""
TERM, INT = "SIGTERM", "SIGINT"
_ENDS_BY_INT = frozenset(
    {"huey_consumer", "huey_consumer.py", "run_huey", "huey.bin.huey_consumer"}
)
"""Huey finishes its tasks at SIGINT, and drops them at SIGTERM."""


def described(processes: Sequence[Process], jobs: Sequence[Job]) -> Mapping[str, Any]:
    """The two keys of application.json."""
    return {
        "processes": [
            {
                "name": each.name,
                "run": each.run,
                "count": each.count,
                "memory_mib": each.memory_mib,
                "stop_s": each.stop_s,
                "signal": stop_signal(each.run),
            }
            for each in processes
        ],
        "jobs": [
            {
                "name": each.name,
                "run": each.run,
                "at": oncalendar.parse(each.at).text,
                "timeout_s": each.timeout_s,
            }
            for each in jobs
        ],
    }


def beside(application: Mapping[str, Any]) -> Beside:
    """What application.json has of them; nothing in releases of an older Skytier."""
    return application.get("processes", ()), application.get("jobs", ())


def stop_signal(run: str) -> str:
    """The signal at which a command finishes what it has begun, and ends.

    Celery, Dramatiq and RQ do so at SIGTERM, as most programs do.

    >>> stop_signal("celery -A shop worker"), stop_signal("python manage.py run_huey -w 4")
    ('SIGTERM', 'SIGINT')
    """
    try:
        words = shlex.split(run)
    except ValueError:  # a quote that does not end; the shell will say so
        words = run.split()
    first = [word for word in words if "=" not in word][:3]
    names = {word.rpartition("/")[2] for word in first}
    return INT if names & _ENDS_BY_INT else TERM

"""Processes and jobs that a project names, as sections of the stack file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skytier.project.recognised import Recognised
from skytier.stackfile import oncalendar
from skytier.stackfile.processes import LONGEST_NAME, TAKEN

_BEAT = re.compile(r"celery\b.*\sbeat\b")


@dataclass(frozen=True)
class Beside:
    """Sections, and what is left out of them."""

    processes: list[Mapping[str, Any]]
    jobs: list[Mapping[str, Any]]
    warnings: list[str]
    why: Mapping[str, str]
    """By `process` and `job`: where they were found."""


def beside(found: Recognised) -> Beside:
    """What of a project runs beside the web."""
    why = {
        section: " ".join(text for key, text in found.because.items() if key.startswith(kind))
        for section, kind in (("process", "processes."), ("job", "jobs."))
    }
    made = Beside([], [], [], why)
    names: set[str] = set()
    for name, run in found.processes.items():
        if _BEAT.search(run):
            made.warnings.append(
                f"{run!r} is left out: it would run on each web server, so that each task would "
                "start several times. Describe what it starts as [[application.job]]."
            )
            continue
        count = found.counts.get(name, 1)
        more = {"count": count} if 1 < count <= 100 else {}
        if count:
            made.processes.append({"name": _name(name, names), "run": run, **more})
    for name, job in found.jobs.items():
        try:
            oncalendar.parse(job.at)
        except oncalendar.NoTimeError as error:
            made.warnings.append(f"The job {job.run!r} is left out: {job.at!r} {error}.")
            continue
        made.jobs.append({"name": _name(name, names), "run": job.run, "at": job.at})
    return made


def _name(wanted: str, names: set[str]) -> str:
    """A good name like the wanted one, and unlike those that there are."""
    name = re.sub("[^a-z0-9]+", "-", wanted.lower()).strip("-")[: LONGEST_NAME - 3]
    name = name if name[:1].isalpha() else f"p-{name}".rstrip("-")
    found, number = name, 1
    while found in names | TAKEN:
        number += 1
        found = f"{name}-{number}"
    names.add(found)
    return found

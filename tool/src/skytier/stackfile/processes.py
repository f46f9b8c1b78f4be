"""The keys of [[application.process]] and [[application.job]]."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

from skytier.stackfile import oncalendar
from skytier.stackfile.section import Section, key

LONGEST_NAME = 32
TAKEN = frozenset(
    {
        *("web", "balancer", "database", "cache", "monitor"),
        *("application", "nginx", "postgresql", "redis", "processes"),
    }
)
"""What `skytier logs` and `skytier ps` call by these names is something else."""


def command(value: str) -> str:
    """A command of one line. Raises ValueError."""
    if not value.strip() or "\0" in value or "\n" in value:
        raise ValueError("is not a command of one line")
    return value


def _name(value: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9-]*", value) or len(value) > LONGEST_NAME:
        raise ValueError("is not a good name")
    if value in TAKEN:
        raise ValueError("is the name of something else")
    return value


def _time(value: str) -> str:
    try:
        event = oncalendar.parse(value)
    except oncalendar.NoTimeError as error:
        raise ValueError(str(error)) from None
    if event.after(datetime.now(UTC)) is None:
        raise ValueError("never comes")
    return value


Command = Annotated[str, AfterValidator(command)]
Name = Annotated[str, AfterValidator(_name)]
NAME = f"at most {LONGEST_NAME} characters of a-z, 0-9 and hyphens, a letter first"


class Process(Section):
    """A process that always runs."""

    name: Name = key(..., f"{NAME}; not {', '.join(sorted(TAKEN))}", "worker")
    """What it is called; no other process and no job has the same name."""
    run: Command = key(..., "a command", "celery -A shop worker")
    """The command. It is started again whenever it ends."""
    count: int = key(1, "a number from 1 to 100", ge=1, le=100, strict=True)
    """How many of it run on each web server."""
    memory_mib: int | None = key(
        None, "a number of MiB from 16 to 1048576", 512, ge=16, le=1048576, strict=True
    )
    """The memory that each may use on a cloud. Default: as much as the web on that machine."""
    stop_s: int = key(60, "a number of seconds from 1 to 86400", ge=1, le=86400, strict=True)
    """How long it may take to end when it is asked to; then it is killed."""


class Job(Section):
    """A command that runs at certain times."""

    name: Name = key(..., f"{NAME}; not {', '.join(sorted(TAKEN))}", "cleanup")
    """What it is called; no other job and no process has the same name."""
    run: Command = key(..., "a command", "python manage.py clearsessions")
    """The command. With another exit code than 0 it has failed."""
    at: Annotated[str, AfterValidator(_time)] = key(
        ..., 'times such as "hourly", "*:0/5" or "Mon..Fri 03:30 Europe/Berlin"', "daily"
    )
    """When it runs, as systemd's OnCalendar says it; in UTC, unless a time zone ends it."""
    timeout_s: int = key(
        6 * 3600, "a number of seconds from 1 to 604800", ge=1, le=604800, strict=True
    )
    """How long it may run; then it is ended, and has failed."""


def clash(processes: Sequence[Process], jobs: Sequence[Job]) -> tuple[str, str] | None:
    """The key of the second of two with one name, and what is wrong; None where all differ."""
    seen: set[str] = set()
    kinds: dict[str, Sequence[Process | Job]] = {"process": processes, "job": jobs}
    for kind, sections in kinds.items():
        for number, each in enumerate(sections):
            if each.name in seen:
                place = f"application.{kind}.[{number}]"
                return place, f"has the name {each.name!r}, which another one has"
            seen.add(each.name)
    return None

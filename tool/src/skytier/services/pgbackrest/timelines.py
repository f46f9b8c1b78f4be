"""PostgreSQL's timelines: which one goes on where another one ended."""

import re
from collections.abc import Mapping

from skytier.services.pgbackrest.config import STANZA


def histories(options: str = "") -> str:
    """A script that prints the directories of the archive, then a line for each timeline in it: the
    file that tells of it, the timeline that it began on, where, and why. `options` are those of
    pgBackRest.
    """
    pgbackrest = f"runuser -u postgres -- pgbackrest {options}".strip()
    return f"""
cd / && {pgbackrest} repo-ls archive/{STANZA}
{pgbackrest} repo-ls archive/{STANZA} --recurse \\
    --filter='[.]history$' | sort --version-sort | while read -r file; do
    echo "$file $({pgbackrest} repo-get archive/{STANZA}/"$file" | tail -n 1)"
done
"""


HISTORIES = histories()
_DIRECTORY = re.compile(r"[0-9]+-[0-9]+")
_LINE = re.compile(r"([0-9]+-[0-9]+)/([0-9A-F]{8})\.history (\d+)\s+\S+\s+(.*)")
_WENT_ON = "no recovery target specified"
"""What PostgreSQL writes when another member takes over, and not when a moment is restored."""


def newest(text: str, timeline: int) -> int:
    """The newest timeline that a recovery finds, as PostgreSQL looks for it, from a backup on
    `timeline`: by the output of `histories`.

    >>> newest("15-1/00000002.history 1\\t0/5000\\tbefore 2026-03-01 12:00:00+00", 1)
    2
    """
    there = {int(number, 16) for _, number, _, _ in _running(text)}
    while timeline + 1 in there:
        timeline += 1
    return timeline


def successors(text: str) -> Mapping[int, int]:
    """From the output of `histories`: a timeline to the one that went on where it ended.

    >>> told = "15-1/00000002.history 1\\t0/5000\\tno recovery target specified\\n"
    >>> successors(told + "15-1/00000003.history 2\\t0/4000\\tbefore 2026-03-01 12:00:00+00")
    {1: 2}
    """
    return {
        int(parent): int(timeline, 16)
        for _, timeline, parent, why in _running(text)
        if why == _WENT_ON
    }


def _running(text: str) -> list[tuple[str, ...]]:
    """What `_LINE` finds, of the database that runs."""
    found = [match.groups() for line in text.splitlines() if (match := _LINE.match(line))]
    # The numbers begin anew with each upgrade of PostgreSQL. What runs is in the last directory by
    # its second number, which may have no timeline but the first.
    directories = [line for line in text.splitlines() if _DIRECTORY.fullmatch(line)]
    directories += [directory for directory, *_ in found]
    running = max(directories, key=lambda each: int(each.partition("-")[2]), default="")
    return [each for each in found if each[0] == running]


def followed(timeline: int, after: Mapping[int, int]) -> list[int]:
    """The timelines that everything after a moment on `timeline` is on, in their order, by
    `successors`.

    >>> followed(1, {1: 2, 2: 5})
    [1, 2, 5]
    """
    found = [timeline]
    while (following := after.get(found[-1], 0)) > found[-1]:
        found.append(following)
    return found

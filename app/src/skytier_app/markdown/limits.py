"""What a post may cost. docs/decisions/pages.md has the figures."""

import re

MOST_EVENTS = 33_000
"""Beginnings, ends and texts in a post: one takes about a microsecond to write."""

_MARKER = r"(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t\n]|$))"
# More than 32 quotes and lists in each other. For each of them a line has a marker, two spaces or
# a tab, which may also stand for two.
_DEEP = re.compile(rf"^(?:  | ?(?:\t|{_MARKER})){{32,}}? ?{_MARKER}", re.MULTILINE)
_TABLE_DELIMITER = re.compile(r"^[ \t>]*+([:\- \t]*\|[|:\- \t]*)$", re.MULTILINE)


def most_bytes(content: str) -> int:
    """The largest HTML that content may become, in bytes."""
    return 5 * len(content.encode()) + 10_000


def parses_in_linear_time(content: str) -> bool:
    """Whether the content has neither of the two things that take the parser longer.

    Lines are expected to end with a line feed.
    """
    # Each line is compared with every quote and list that is open.
    if _DEEP.search(content):
        return False
    # A row that is shorter than its table's head is filled up: no more than every line is a row.
    if "|" not in content:
        return True
    columns = max((each.count("|") + 1 for each in _TABLE_DELIMITER.findall(content)), default=0)
    return columns * content.count("\n") <= 2 * len(content)

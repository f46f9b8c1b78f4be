"""Lists of names in messages: the likeliest first, and not too many."""

import difflib
from collections.abc import Iterable


def nearest_first(wanted: str, names: Iterable[str], most: int = 8) -> str:
    """The names, those most like the wanted one first.

    >>> nearest_first("m1.smal", ["m1.large", "m1.small"])
    'm1.small, m1.large'
    >>> nearest_first("x", [])
    'none'
    """

    def unlikeness(name: str) -> tuple[float, str]:
        # The words in parentheses are for the reader.
        plain = name.partition(" (")[0]
        return -difflib.SequenceMatcher(None, wanted.lower(), plain.lower()).ratio(), name

    ordered = sorted(names, key=unlikeness)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more or "none"

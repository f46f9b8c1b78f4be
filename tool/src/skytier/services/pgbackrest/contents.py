"""What a database holds, table by table: read as counts and checksums, and compared. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """What a table holds, whatever the order of its rows."""

    rows: int
    checksum: str
    """The sum of a 64-bit hash of each row's text, in decimal digits."""


Contents = Mapping[str, Content]
"""By the name of the table, with its schema: `public.posts`."""


@dataclass(frozen=True)
class Different:
    """A table that holds something else in the copy. Rows are counted."""

    table: str
    rows: int
    rows_in_copy: int


@dataclass(frozen=True)
class Compared:
    """How a copy differs. Tables are sorted by name."""

    missing: Sequence[str]
    """Tables that the copy lacks."""
    surplus: Sequence[str]
    """Tables that only the copy has."""
    different: Sequence[Different]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.surplus or self.different)


def read(text: str) -> dict[str, Content]:
    """From what the SQL of `contents.sql` prints: a line of JSON for each table.

    >>> read('["public", "posts", 2, "37"]')
    {'public.posts': Content(rows=2, checksum='37')}
    """
    found = {}
    for line in text.splitlines():
        if line.startswith("["):
            schema, table, rows, checksum = json.loads(line)
            found[f"{schema}.{table}"] = Content(int(rows), str(checksum))
    return found


def compare(original: Contents, copy: Contents) -> Compared:
    """Every table of both, by its rows and its checksum.

    >>> compare({"a": Content(1, "5")}, {"a": Content(1, "5")}).same
    True
    """
    return Compared(
        missing=sorted(original.keys() - copy.keys()),
        surplus=sorted(copy.keys() - original.keys()),
        different=[
            Different(name, original[name].rows, copy[name].rows)
            for name in sorted(original.keys() & copy.keys())
            if original[name] != copy[name]
        ],
    )

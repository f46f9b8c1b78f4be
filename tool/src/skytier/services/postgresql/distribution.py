"""The PostgreSQL of each distribution, which a database has where the stack file names none."""

from collections.abc import Mapping

_MAJOR: Mapping[tuple[str, tuple[int, ...]], int] = {
    ("debian", (12,)): 15,
    ("debian", (13,)): 17,
    # Its own, 12, is too old: the set-up brings this one.
    ("ubuntu", (20, 4)): 16,
    ("ubuntu", (22, 4)): 14,
    ("ubuntu", (24, 4)): 16,
}


def major_version(system: tuple[str, tuple[int, ...]]) -> int | None:
    """The major version; None for a distribution that is not known.

    >>> major_version(("debian", (13,)))
    17
    """
    return _MAJOR.get(system)

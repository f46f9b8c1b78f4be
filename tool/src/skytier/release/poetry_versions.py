"""Versions as Poetry writes them: `^1.2`, `~3.11`, `1.*`, `>=2,<3 || ^4`."""

import re

from packaging.specifiers import SpecifierSet
from packaging.version import Version


def allows(constraint: str, version: str) -> bool:
    """Whether a version is one of those.

    >>> allows("^1.2 || 3.*", "1.9"), allows("~3.11", "3.12.0"), allows("*", "1.0rc1")
    (True, False, True)
    """
    return any(
        SpecifierSet(_specifiers(alternative)).contains(version, prereleases=True)
        for alternative in re.split(r"\|\|?", constraint)
    )


def _specifiers(alternative: str) -> str:
    """One alternative as PEP 440 writes it."""
    joined = re.sub(r"([<>=!~^])\s+", r"\1", alternative.strip())
    return ",".join(filter(None, map(_specifier, re.split(r"[,\s]+", joined))))


def _specifier(part: str) -> str:
    if part in ("", "*"):
        return ""
    if part.startswith("^"):
        return _up_to(part[1:], caret=True)
    if part.startswith("~") and not part.startswith("~="):
        return _up_to(part[1:], caret=False)
    if part[0].isdigit():
        return f"=={part}"
    return f"={part}" if re.match(r"=[^=]", part) else part


def _up_to(version: str, *, caret: bool) -> str:
    """From a version to the next that may break: ^ of the first number that is not 0, ~ of the
    second number."""
    release = Version(version).release
    if caret:
        place = next((n for n, number in enumerate(release) if number), len(release) - 1)
    else:
        place = min(1, len(release) - 1)
    end = [*release[:place], release[place] + 1]
    return f">={version},<{'.'.join(map(str, end))}"

"""Why packages cannot be had: what uv says, as one line for each of them, and what to do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skytier.errors import SkytierError
from skytier.release.pins import Pin
from skytier.release.platform import Platform

_TWINS = {
    "mysqlclient": "pymysql",
    "psycopg-c": "psycopg-binary=={version}",
    "psycopg2": "psycopg2-binary=={version}",
    "pycrypto": "pycryptodome",
    "pysqlite3": "pysqlite3-binary=={version}",
    "python-ldap": "ldap3",
    "uwsgi": "pyuwsgi",
}
"""Packages that are compiled and have no wheels, and others with wheels in their place."""

_SAID = (
    (
        re.compile(
            r"\b([\w.-]+) was not found in the (?:package registry|provided package locations)"
        ),
        "{0} is in no package index.",
        "Correct its name in the project, or set the index that has it (see `pip config`).",
    ),
    (
        re.compile(r"there is no version of ([\w.-]+)==([^\s,]+)"),
        "{0} {1} does not exist in the package index.",
        "Choose another version, and lock the project again.",
    ),
    (
        re.compile(r"and ([\w.-]+[=<>~]+\S+) depends on (Python\S+?),"),
        "{0} needs {1}.",
        "Choose a version for the machine's Python, or an image with a newer one.",
    ),
    (
        re.compile(r"Hash mismatch for `([\w.-]+)==([^`]+)`"),
        "{0} {1} has another hash than the one that is pinned.",
        "The file is not the one that was pinned. Find out why before you pin another one.",
    ),
    (
        re.compile(r"Failed to fetch: `?([^\s`]+)`?(?:\n(?:cause|Caused by): (.*))*"),
        "{0} cannot be fetched: {1}.",
        "Look whether this machine reaches its package index, and run it again.",
    ),
)
"""What uv says, and what it means."""
_NOT_BUILT = re.compile(r"Failed to (?:build|download and build) `([\w.-]+)==([^`]+)`")
_BUILD_OUTPUT = re.compile(r"\[(?:stdout|stderr)\]")


@dataclass(frozen=True)
class Refusal:
    """A package that cannot be had."""

    what: str
    """`psycopg2 2.9.10 is compiled code, and has no wheel`"""
    do: str
    """`Change psycopg2==2.9.10 to psycopg2-binary==2.9.10.`"""


def together(refusals: Sequence[Refusal]) -> SkytierError:
    """One error of several."""
    does = dict.fromkeys(each.do for each in refusals)
    return SkytierError("\n".join(each.what for each in refusals), "\n".join(does))


def known_as_compiled(pin: Pin) -> bool:
    """Whether a package is known to be compiled and to have no wheels."""
    return pin.name in _TWINS


def compiled(pin: Pin, target: Platform) -> Refusal:
    """The refusal of a package of compiled code that has no wheel for the target."""
    twin = _TWINS.get(pin.name)
    return Refusal(
        f"{pin.name} {pin.version} holds compiled code, and has no wheel for {target}.",
        f"In the project's dependencies, change {pin.name}=={pin.version} to "
        f"{twin.format(version=pin.version)}."
        if twin
        else f"Choose a version of {pin.name} that has such a wheel, or another package.",
    )


def unbuilt(pin: Pin, stderr: str) -> Refusal:
    """The refusal of a package whose source could not be had or built, with the last line of the
    build."""
    if found := _facts(stderr):
        return found[0]
    said = _BUILD_OUTPUT.split(_plain(stderr))[-1].partition("hint:")[0].strip().splitlines()
    twin = _TWINS.get(pin.name, "").format(version=pin.version)
    return Refusal(
        f"{pin.name} {pin.version} has no wheel for the machine, and its source could not be "
        f"built: {said[-1].strip() if said else 'the build said nothing'}",
        f"In the project's dependencies, change {pin.name} to {twin}."
        if twin
        else f"Choose a version of {pin.name} that has a wheel for Linux, or install here what its "
        "build needs.",
    )


def not_from_an_index(path: Path, line: str) -> SkytierError:
    """The error of a requirement that is a directory, a file, an address or a repository."""
    shown = re.sub(r"://[^/@\s]+@", "://****@", line)  # it may hold a password
    return SkytierError(
        f"{path} has a package that does not come from a package index: {shown}.",
        "Publish it as a package, and require a version of that; or put its code into the "
        "application's own source.",
    )


def refused(doing: str, stderr: str) -> SkytierError:
    """The error of a command of uv: a line for each package that it names, else what it said."""
    said = _plain(stderr)
    refusals = _facts(stderr)
    if not refusals and (built := _NOT_BUILT.search(said)):
        refusals = [unbuilt(Pin(built[1], built[2]), stderr)]
    if not refusals:
        lines = [line for line in said.splitlines() if line.strip()]
        refusals = [Refusal("\n".join(lines[-12:]), "Correct what it says, and run it again.")]
    error = together(refusals)
    return SkytierError(f"{doing}:\n{error.what}", error.do)


def _facts(stderr: str) -> list[Refusal]:
    said = _plain(stderr)
    return [
        Refusal(what.format(*each.groups("")), do)
        for pattern, what, do in _SAID
        for each in pattern.finditer(said)
    ]


def _plain(stderr: str) -> str:
    """Without the lines that uv draws around what it says."""
    return re.sub("(?m)^[ \N{MULTIPLICATION SIGN}├╰│─▶]+", "", stderr)

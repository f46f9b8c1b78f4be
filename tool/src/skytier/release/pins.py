"""Pinned requirements: packages with one version each, and the hashes of their files.

The text is a requirements.txt that pip and uv read. It holds no conditions: they are decided for
the target when a text is read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from skytier.release.platform import Platform

_HASH = re.compile(r"\s--hash[= ](\S+)")
_COMMENT = re.compile(r"(^|\s)#.*$")
# What says where packages come from. The other options of such files do not matter to pins.
_INDEX_OPTIONS = re.compile(r"(-i|--index-url|--extra-index-url|-f|--find-links|--no-index)\b")
_INCLUDE = re.compile(r"(?:-r|--requirement)[= ]\s*(\S+)")
_LIMITS = re.compile(r"(?:-c|--constraint)[= ]\s*(\S+)")
_LOCAL_LINKS = re.compile(r"(?:-f|--find-links)[= ]\s*(?!\w+://)(\S+)")
_INCLUDES = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable)\b")


@dataclass(frozen=True, order=True)
class Pin:
    """A package of a package index in one version."""

    name: str
    """Normalised: `typing-extensions`."""
    version: str
    hashes: tuple[str, ...] = ()
    """`sha256:` and 64 hexadecimal digits, of each of its files."""

    def __str__(self) -> str:
        hashes = (f"--hash={each}" for each in self.hashes)
        return " \\\n    ".join((f"{self.name}=={self.version}", *hashes))


class NotPinnedError(ValueError):
    """A line that is not a package of an index in one version. Its text is the message."""


@dataclass(frozen=True)
class Requirements:
    """A text with pins, read for a target."""

    pins: tuple[Pin, ...]
    options: tuple[str, ...] = ()
    """`--extra-index-url https://packages.example.org/simple`"""

    def __str__(self) -> str:
        return "".join(f"{each}\n" for each in (*self.options, *self.pins))

    @property
    def hashed(self) -> bool:
        """Whether each pin has hashes."""
        return all(pin.hashes for pin in self.pins)

    @property
    def names(self) -> set[str]:
        """The packages, normalised."""
        return {pin.name for pin in self.pins}

    def with_pins(self, pins: Iterable[Pin]) -> "Requirements":
        """The same sources with other pins, sorted."""
        return Requirements(tuple(sorted(pins)), self.options)


def read(text: str, target: Platform) -> Requirements:
    """The pins of a text that the target needs, sorted. Raises NotPinnedError.

    >>> str(read("six==1.17.0 ; sys_platform == 'linux'", Platform("3.11", "x86_64", 36)))
    'six==1.17.0\\n'
    """
    pins: dict[str, Pin] = {}
    options = []
    for line in lines(text):
        if _INDEX_OPTIONS.match(line):
            options.append(line)
        elif _INCLUDES.match(line):
            raise NotPinnedError(line)
        elif not line.startswith("-") and (pin := _pin(line, target)):
            pins[pin.name] = pin
    return Requirements(tuple(sorted(pins.values())), tuple(options))


def lines(text: str) -> Iterator[str]:
    """The logical lines: without comments, continued ones joined."""
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        if plain := _COMMENT.sub("", line).strip():
            yield plain


def with_included(path: Path) -> str:
    """The text of a requirements.txt with those that it includes by -r in their places."""
    return "\n".join(_with_included(path, set()))


def _with_included(path: Path, seen: set[Path]) -> Iterator[str]:
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for line in lines(path.read_text(encoding="utf-8-sig")):
        if included := _INCLUDE.match(line):
            yield from _with_included((path.parent / included[1]).resolve(), seen)
        elif directory := _LOCAL_LINKS.match(line):
            yield f"--find-links {(path.parent / directory[1]).resolve()}"
        else:
            yield line


def deciding(path: Path) -> str:
    """All that decides the versions of a requirements.txt, with what it includes by -r and what
    limits it by -c. It is the same text wherever the project is."""
    text = with_included(path)
    named = [found[1] for line in lines(text) if (found := _LIMITS.match(line))]
    limits = [path.parent / name for name in named]
    whole = "\n".join([text, *(each.read_text() for each in limits if each.is_file())])
    return whole.replace(f"{path.parent.resolve()}/", "")


def index_options(text: str) -> tuple[str, ...]:
    """The package indexes that a text names."""
    return tuple(dict.fromkeys(line for line in lines(text) if _INDEX_OPTIONS.match(line)))


def _pin(line: str, target: Platform) -> Pin | None:
    try:
        requirement = Requirement(_HASH.sub("", line))
    except InvalidRequirement:
        raise NotPinnedError(line) from None
    if requirement.marker and not requirement.marker.evaluate(target.markers()):
        return None
    versions = list(requirement.specifier)
    exact = len(versions) == 1 and versions[0].operator in ("==", "===")
    if requirement.url or not exact or versions[0].version.endswith(".*"):
        raise NotPinnedError(_HASH.sub("", line))
    hashes = tuple(sorted(_HASH.findall(line)))
    return Pin(canonicalize_name(requirement.name), versions[0].version, hashes)

"""The static files of a release for a container that a CDN gets them from: what is sent to it, and
what of it no kept release uses. Pure, but for `read`.

The container has a list of what the last releases use, which everybody may read, as all in it. So
names and releases are only digests there.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skytier.release.ship import KEPT
from skytier.services.nginx.static import cache_control, content_type

LIST = ".skytier/releases.json"
"""The name of the object with the list."""
LISTED = 20
"""The releases that the list has at most."""


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent."""

    name: str
    """That of its object, which is its URL path without the first slash: `static/page.css`."""
    path: Path
    size: int
    md5: str
    """As the object store tells it of what it has: 32 hexadecimal digits."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Those that visitors get, the same as from Nginx for a CDN."""
        path = f"/{self.name}"
        return {"Content-Type": content_type(path), "Cache-Control": cache_control(path)}


def read(directory: Path) -> list[StaticFile]:
    """The files of a directory that has them by their URL paths, as a release has them."""
    return [
        StaticFile(path.relative_to(directory).as_posix(), path, path.stat().st_size, _md5(path))
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]


@dataclass(frozen=True)
class Use:
    """What a release uses of the container."""

    release: str
    """The digest of the id of its source."""
    files: Mapping[str, str]
    """The digest of each name, and of the headers it was sent with."""


@dataclass(frozen=True)
class Uses:
    """The releases whose files were sent, the one used last first."""

    all: Sequence[Use] = ()

    @classmethod
    def parse(cls, text: str) -> "Uses":
        """From its text; an empty list for what is none.

        >>> Uses.parse("").all
        ()
        """
        try:
            said = json.loads(text)["releases"]
            return cls(tuple(Use(str(one["release"]), dict(one["files"])) for one in said))
        except (ValueError, KeyError, TypeError):
            return cls()

    @property
    def text(self) -> str:
        """As JSON."""
        said = [{"release": each.release, "files": dict(each.files)} for each in self.all]
        return json.dumps({"releases": said}) + "\n"

    def sent(self, release: str, files: Iterable[StaticFile]) -> "Uses":
        """The same once a release's files were sent."""
        use = Use(digest(release), {digest(each.name): _of_headers(each) for each in files})
        return self._first(use)

    def used(self, release: str) -> "Uses":
        """The same once a release serves again; unchanged where its files were never sent."""
        found = next((each for each in self.all if each.release == digest(release)), None)
        return self._first(found) if found else self

    def headers_of(self, name: str) -> str:
        """The digest of the headers that a file was sent with last; empty where it never was."""
        named = digest(name)
        return next((each.files[named] for each in self.all if named in each.files), "")

    def kept(self, serving: Collection[str]) -> frozenset[str]:
        """The digests of the names that a rollback may need: those of the releases used last, as
        many as a web server keeps, and of those that are `serving`."""
        digests = _digests(serving)
        kept = [*self.all[:KEPT], *(each for each in self.all if each.release in digests)]
        return frozenset(name for each in kept for name in each.files)

    def knows(self, serving: Collection[str]) -> bool:
        """Whether it has all that are `serving`. Else they have no files here, or it was lost."""
        return _digests(serving) <= {each.release for each in self.all}

    def _first(self, use: Use) -> "Uses":
        others = [each for each in self.all if each.release != use.release]
        return Uses((use, *others)[:LISTED])


@dataclass(frozen=True)
class Push:
    """What is to be sent, and deleted."""

    release: str
    """The id of the source."""
    new: Sequence[StaticFile]
    changed: Sequence[StaticFile]
    same: Sequence[StaticFile]
    unused: Sequence[str] = field(default=())
    """Names of objects that no kept release uses. They are deleted only where that is asked for."""

    @property
    def files(self) -> list[StaticFile]:
        """All that the release has."""
        return [*self.new, *self.changed, *self.same]

    @property
    def to_send(self) -> list[StaticFile]:
        """New and changed ones. Those that never change come first: others may name them."""
        sent = [*self.new, *self.changed]
        return sorted(sent, key=lambda each: "immutable" not in each.headers["Cache-Control"])

    @property
    def bytes(self) -> int:
        """The size of what is to be sent."""
        return sum(each.size for each in self.to_send)


def plan(
    release: str,
    files: Sequence[StaticFile],
    there: Mapping[str, str],
    uses: Uses,
    serving: Collection[str] = (),
) -> Push:
    """Files minus objects. `there` is the name of each object, and the MD5 of its content.

    `serving` are the ids of the sources whose releases web servers have.
    """
    new, changed, same = [], [], []
    for each in files:
        if each.name not in there:
            new.append(each)
        elif there[each.name] != each.md5 or uses.headers_of(each.name) != _of_headers(each):
            changed.append(each)
        else:
            same.append(each)
    after = uses.sent(release, files)
    kept = after.kept(serving)
    # Without the list nobody knows what pages name.
    knows = bool(uses.all) and after.knows(serving)
    unused = [name for name in sorted(there) if name != LIST and digest(name) not in kept]
    return Push(release, new, changed, same, unused if knows else [])


def digest(text: str) -> str:
    """16 hexadecimal digits, which do not tell what they stand for."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digests(texts: Collection[str]) -> set[str]:
    return {digest(each) for each in texts}


def _of_headers(file: StaticFile) -> str:
    return digest(json.dumps(dict(file.headers), sort_keys=True))


def _md5(path: Path) -> str:
    # The object store says it of what it has; it protects nothing.
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

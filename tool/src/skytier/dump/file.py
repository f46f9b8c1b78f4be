"""Files with a dump of a database: what they are, and how they are read."""

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from skytier.dump.statements import passed_on
from skytier.errors import SkytierError

_CUSTOM, _GZIP, _TAR = b"PGDMP", b"\x1f\x8b", b"ustar"
_CHUNK = 1 << 16
_HEAD = b"-- PostgreSQL database dump"
"""What SQL of pg_dump begins with; and it ends with the same and `complete`."""


@dataclass(frozen=True)
class Dump:
    """A file with a dump."""

    path: Path
    is_sql: bool
    """Whether psql reads it. Otherwise it is for pg_restore."""
    is_compressed: bool = False
    """Whether it is SQL that was compressed by gzip."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size

    def chunks(self, progress: Callable[[int], None]) -> Iterator[bytes]:
        """What the program reads; `progress` is told how many bytes of the file are read.

        Raises SkytierError for a damaged file.
        """
        with self.path.open("rb") as file:
            for chunk in self._sql(file) if self.is_sql else _all(file):
                progress(file.tell())
                yield chunk

    def _sql(self, file: BinaryIO) -> Iterator[bytes]:
        if not self.is_compressed:
            yield from sql(file, self.path)
            return
        try:
            with gzip.open(file) as lines:
                yield from sql(lines, self.path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SkytierError(
                f"{self.path} is damaged or incomplete: {error}.", "Copy it again from its source."
            ) from None


def recognise(path: Path) -> Dump:
    """What a file is, by how it begins. Raises SkytierError for what is no dump."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
            if head.startswith(_GZIP):
                file.seek(0)
                with gzip.open(file) as inner:
                    head = inner.read(512)
                if head.startswith(_CUSTOM) or head[257:262] == _TAR:
                    raise SkytierError(
                        f"{path} is a dump that was compressed once more.",
                        f"Unpack it first: gunzip --keep {path}",
                    )
                return Dump(path, is_sql=True, is_compressed=True)
    except OSError as error:
        raise SkytierError(
            f"{path} cannot be read: {error.strerror or error}.", "Name a file with a dump."
        ) from None
    except (EOFError, zlib.error) as error:
        raise SkytierError(
            f"{path} is damaged or incomplete: {error}.", "Copy it again from its source."
        ) from None
    if head.startswith(_CUSTOM) or head[257:262] == _TAR:
        return Dump(path, is_sql=False)
    if not head.strip() or b"\0" in head:
        raise SkytierError(
            f"{path} is no dump of PostgreSQL.",
            "Make one: pg_dump --format=custom DATABASE >FILE. SQL is read too, also by gzip.",
        )
    return Dump(path, is_sql=True)


def sql(lines: Iterator[bytes] | BinaryIO, path: Path) -> Iterator[bytes]:
    """A dump in SQL, line by line, without what psql is not given: see `passed_on`.

    Raises SkytierError at the end of one of pg_dump that is not whole.
    """
    seen: list[bytes] = []
    begins = list(itertools.islice(lines, 5))
    yield from passed_on(itertools.chain(begins, lines), seen)
    if any(line.strip() == _HEAD for line in begins) and not seen:
        raise SkytierError(f"{path} is incomplete.", "Copy it again from its source.")


def _all(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk

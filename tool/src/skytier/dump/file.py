"""Files with a dump of a database: what they are, and how they are read."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from skytier.errors import SkytierError

_ARCHIVE, _GZIP, _TAR = b"PGDMP", b"\x1f\x8b", b"ustar"
_CHUNK = 1 << 16
_COPY = re.compile(rb"COPY .* FROM stdin;\r?$", re.IGNORECASE)
_END_OF_COPY = b"\\."
_HARMLESS = (b"\\restrict ", b"\\unrestrict ")
"""What pg_dump itself writes: they keep psql from obeying the commands in between."""
_LEFT_OUT = re.compile(
    # Settings that pg_dump of a newer PostgreSQL begins with, and that this one may not know.
    rb"SET (transaction_timeout|default_toast_compression) = "
    # An extension has its comment anyhow, and it may be the superuser's.
    rb"|COMMENT ON EXTENSION "
)


@dataclass(frozen=True)
class Dump:
    """A file with a dump."""

    path: Path
    is_archive: bool
    """Whether pg_restore reads it. Otherwise it is SQL for psql."""
    is_compressed: bool = False
    """Whether it is SQL that was compressed by gzip."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size

    def chunks(self, progress: Callable[[int], None]) -> Iterator[bytes]:
        """What the program reads; `progress` is told how many bytes of the file are read.

        Raises SkytierError for SQL that psql must not be given, and for a damaged file.
        """
        with self.path.open("rb") as file:
            for chunk in self._sql(file) if not self.is_archive else _all(file):
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
                f"{self.path} is damaged or not whole: {error}.", "Copy it again from its origin."
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
                if head.startswith(_ARCHIVE) or head[257:262] == _TAR:
                    raise SkytierError(
                        f"{path} is an archive of pg_dump that was compressed once more.",
                        f"Unpack it first: gunzip --keep {path}",
                    )
                return Dump(path, is_archive=False, is_compressed=True)
    except OSError as error:
        raise SkytierError(
            f"{path} cannot be read: {error.strerror or error}.", "Name a file with a dump."
        ) from None
    except (EOFError, zlib.error) as error:
        raise SkytierError(
            f"{path} is damaged or not whole: {error}.", "Copy it again from its origin."
        ) from None
    if head.startswith(_ARCHIVE) or head[257:262] == _TAR:
        return Dump(path, is_archive=True)
    if not head.strip() or b"\0" in head:
        raise SkytierError(
            f"{path} is no dump of PostgreSQL.",
            "Make one: pg_dump --format=custom DATABASE >FILE. SQL is read too, also by gzip.",
        )
    return Dump(path, is_archive=False)


def sql(lines: Iterator[bytes] | BinaryIO, path: Path) -> Iterator[bytes]:
    """A dump in SQL, line by line, without what this PostgreSQL or its user would fail at.

    Raises SkytierError for a command of psql in it: it could leave the transaction, or run a
    program.
    """
    rows = False
    for number, line in enumerate(lines, 1):
        if rows:
            rows = line.rstrip(b"\r\n") != _END_OF_COPY
        elif line.startswith(b"\\") and not line.startswith(_HARMLESS):
            what = line.split()[0].decode(errors="replace")
            raise SkytierError(
                f"{path}, line {number}: {what} is a command of psql, and no SQL.",
                "Make the dump without it: pg_dump without --create, or with --format=custom.",
            )
        elif _LEFT_OUT.match(line):
            continue
        else:
            rows = bool(_COPY.match(line))
        yield line


def _all(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk

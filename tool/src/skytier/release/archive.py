"""A tree as one file that is the same each time."""

import gzip
import tarfile
from pathlib import Path


def pack(tree: Path, archive: Path) -> None:
    """Write a tree's contents as a .tar.gz, with no trace of when, where and by whom."""
    # Level 6 of 9 is what gzip takes by itself; the last ones cost much and save 1%.
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(tree.rglob("*")):
            member = tar.gettarinfo(path, str(path.relative_to(tree)))
            if member.islnk():  # a file that the cache has too is a file like any other here
                member.type, member.size = tarfile.REGTYPE, path.stat().st_size
            member.mtime = member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mode = 0o755 if not member.isfile() or member.mode & 0o100 else 0o644
            if member.isfile():
                with path.open("rb") as content:
                    tar.addfile(member, content)
            else:
                tar.addfile(member)

"""Writing and fingerprinting files and directories."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HASH = "sha256:"


def write(path: Path, text: str, mode: int = 0o644) -> bool:
    """Bring a file to a text, all at once or not at all. Returns whether it had to be changed."""
    if path.exists() and path.read_text() == text:
        path.chmod(mode)
        return False
    # Under a name that no other process takes, and readable by its owner only: it may be a secret.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return True


def link(path: Path, target: Path) -> None:
    """Have a symbolic link lead elsewhere, in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """A directory to fill within the block; it gets the name `path` at the end of the block.

    It is deleted when the block raises. The name until then is `.NAME.` and random letters.
    """
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield new
        new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def fingerprint(*texts: str) -> str:
    """A short name for texts: another name when one of them changes."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return HASH + digest.hexdigest()


def tree_fingerprint(root: Path) -> str:
    """The same for the files below a directory, compiled Python left out."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return HASH + digest.hexdigest()


def last_lines(path: Path, lines: int) -> str:
    """The end of a log file; empty when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

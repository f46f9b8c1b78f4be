"""Who releases, when, and which revision of the source."""

import getpass
import os
import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from skytier.release.history import Author


def author(source: Path, release: str) -> Author:
    """This person, now, with a release of the source in a directory."""
    return replace(me(), source=release, revision=revision(source))


def me() -> Author:
    """This person, now."""
    return Author(at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), by=who())


def who() -> str:
    """`user@host`"""
    try:
        user = getpass.getuser()
    except OSError:  # a user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def revision(source: Path) -> str:
    """Git's short revision of a directory, and whether files differ from it; "" without Git."""
    commit = _git(source, "rev-parse", "--short", "HEAD")
    if not commit:
        return ""
    differs = _git(source, "status", "--porcelain", "--", ".")
    return f"{commit} with changes" if differs else commit


def _git(directory: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(directory), *words],
            check=False,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

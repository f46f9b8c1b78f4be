"""Collects the static files of a release while it is built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from skytier.errors import SkytierError
from skytier.release.application import Application

_PLACEHOLDER = "placeholder while static files are collected"
_PLACEHOLDERS = {
    "DATABASE_URL": "postgresql://placeholder@placeholder.invalid/placeholder",
    "REDIS_URL": "redis://placeholder.invalid",
    "REDIS_CACHE_URL": "redis://placeholder.invalid",
    "SECRET_KEY": _PLACEHOLDER,
}
_OBJECT_STORE_PLACEHOLDERS = {
    "S3_ENDPOINT": "https://placeholder.invalid",
    "S3_BUCKET": "placeholder",
    "S3_REGION": "placeholder",
    "S3_ACCESS_KEY_ID": "placeholder",
    "S3_SECRET_ACCESS_KEY": _PLACEHOLDER,
}


def collect(application: Application, release: Path) -> None:
    """Run the application's command in a release, and gather the directories as Nginx serves them.

    By this Python. Raises SkytierError when the command fails, or a directory is not there.
    """
    if application.collect:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        placeholders = _PLACEHOLDERS | (
            _OBJECT_STORE_PLACEHOLDERS if application.has_object_store else {}
        )
        own = dict.fromkeys(application.secret_names, _PLACEHOLDER)
        done = subprocess.run(
            [str(release / "skytier-app"), "collect"],
            check=False,
            capture_output=True,
            text=True,
            env={**kept, **placeholders, **own, "SKYTIER_PYTHON": sys.executable},
        )
        if done.returncode:
            said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
            raise SkytierError(
                f"The static files could not be collected by {application.collect!r}:\n{said}",
                "Fix the cause, and run it again. No machine was changed.",
            )
    for prefix, directory in application.static.items():
        found = release / "app" / directory
        if not found.is_dir():
            raise SkytierError(
                f"There is no directory {directory} in the release, which application.static "
                f"serves at {prefix}.",
                "Set application.collect to the command that makes it, or correct the name.",
            )
        shutil.copytree(found, release / "static" / prefix.strip("/"), dirs_exist_ok=True)

"""The static files and their addresses, which change when the files do."""

import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

SOURCE = Path(__file__).parents[1] / "static"
VENDOR = "vendor"
KEPT = 3
IMMUTABLE = "public, max-age=31536000, immutable"
BASE = os.environ.get("STATIC_URL", "/static/")
"""Where browsers find the static files: here, or at a CDN. It ends with a slash."""


def _own_files() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*") if p.is_file() and VENDOR not in p.parts)


def _version() -> str:
    """One hash for all files, so that they may name each other by relative addresses."""
    digest = hashlib.sha256()
    for path in _own_files():
        digest.update(f"{path.relative_to(SOURCE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


VERSION = _version()


def asset(name: str) -> str:
    """The address of a static file: `asset("page.css")`, `asset("vendor/uplot-1.6.32/...")`.

    Every address holds a version, so browsers may keep what they got there for ever.
    """
    if not (SOURCE / name).is_file():
        raise FileNotFoundError(f"There is no static file {name}.")
    return f"{BASE}{name}" if name.startswith(f"{VENDOR}/") else f"{BASE}{VERSION}/{name}"


def origins() -> str:
    """Where a page may load static files from, as the sources of a Content-Security-Policy."""
    cdn = urlsplit(BASE)
    return f"'self' {cdn.scheme}://{cdn.netloc}" if cdn.netloc else "'self'"


def collect(directory: Path) -> None:
    """Copy all static files to where Nginx serves /static/ from.

    Pages that are open ask for the files that they came with, so the last KEPT versions stay.
    """
    for path in _own_files():
        target = directory / VERSION / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.copytree(SOURCE / VENDOR, directory / VENDOR, dirs_exist_ok=True)
    (directory / VERSION).touch()  # the newest, also when it was here before
    own = [path for path in directory.iterdir() if path.name != VENDOR]
    for old in sorted(own, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old)


class _ImmutableFiles(StaticFiles):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Files are sent whole: Starlette's own errors about ranges are no problem documents.
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = IMMUTABLE
        response.headers["Accept-Ranges"] = "none"
        return response


def install(app: Starlette) -> None:
    """Serve the static files, for where no Nginx does."""
    app.mount(f"/static/{VERSION}", _ImmutableFiles(directory=SOURCE))
    app.mount(f"/static/{VENDOR}", _ImmutableFiles(directory=SOURCE / VENDOR))

"""How a static file is sent: its type, and for how long it may be kept.

Nginx's configuration and the objects of a container go by the same rules.
"""

import re
from pathlib import PurePosixPath

TYPES = {
    "text/html": ("html", "htm"),
    "text/css": ("css",),
    "text/plain": ("txt", "md", "map"),
    "text/javascript": ("js", "mjs"),
    "application/json": ("json",),
    "application/manifest+json": ("webmanifest",),
    "image/svg+xml": ("svg",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/x-icon": ("ico",),
    "font/woff2": ("woff2",),
    "font/woff": ("woff",),
    "font/ttf": ("ttf",),
    "font/otf": ("otf",),
    "audio/mpeg": ("mp3",),
    "audio/ogg": ("ogg", "oga"),
    "audio/wav": ("wav",),
    "audio/mp4": ("m4a",),
    "video/mp4": ("mp4", "m4v"),
    "video/webm": ("webm",),
    "text/xml": ("xml",),
    "text/csv": ("csv",),
    "application/pdf": ("pdf",),
    "application/wasm": ("wasm",),
}
"""Media types, and the extensions of their files."""
DEFAULT_TYPE = "application/octet-stream"
CHARSET_TYPES = ("text/css", "text/plain", "text/javascript")
"""Those that are sent with `charset=utf-8`, besides text/html, which Nginx adds by itself."""

UNCHANGING = (r"[./-][0-9a-f]{8,64}[./-]", r"-[0-9]+\.[0-9]+\.[0-9]+[./]")
"""Paths of files that never change: one of these is found in them, a hash or a version."""
IMMUTABLE = "public, max-age=31536000, immutable"
AT_CDN = "public, max-age=0, s-maxage=60, stale-while-revalidate=60"
"""What may change: a CDN keeps it for a minute, and one more while it fetches it anew."""
AT_SITE = "no-cache"
"""The same where no CDN is in front."""


def content_type(path: str) -> str:
    """The Content-Type of a file.

    >>> content_type("/static/page.css"), content_type("/static/LICENSE")
    ('text/css; charset=utf-8', 'application/octet-stream')
    """
    extension = PurePosixPath(path).suffix.removeprefix(".").lower()
    found = next((each for each, of in TYPES.items() if extension in of), DEFAULT_TYPE)
    return f"{found}; charset=utf-8" if found in ("text/html", *CHARSET_TYPES) else found


def cache_control(path: str) -> str:
    """The Cache-Control of a file that a CDN delivers, by its URL path."""
    return IMMUTABLE if any(re.search(each, path) for each in UNCHANGING) else AT_CDN

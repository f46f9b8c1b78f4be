"""What the monitor shows to read the application's metrics, which other users may not."""

import secrets
from pathlib import Path

from skytier import files
from skytier.local.home import Home


def path(home: Home) -> Path:
    """The file that has it."""
    return home.secrets / "metrics_token"


def of(home: Home) -> str:
    """The token of a home, made when there is none yet."""
    if not path(home).exists():
        files.write(path(home), secrets.token_urlsafe(32) + "\n", 0o600)
    return path(home).read_text().strip()

"""What the monitor shows to read the application's metrics, which other users may not."""

from pathlib import Path

from skytier.local.home import Home


def path(home: Home) -> Path:
    """The file that has it."""
    return home.secrets / "metrics_token"


def of(home: Home) -> str:
    """The token of a home, made when there is none yet."""
    return home.secret(path(home).name)

"""The web role: Nginx in front of the application."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from skytier.roles.render import render


@dataclass(frozen=True)
class Site:
    """What the configuration of Nginx depends on."""

    listen: Sequence[str]
    """What the `listen` directive takes: `127.0.0.1:8000`, `[::]:80 default_server`."""
    upstreams: Sequence[str]
    """The application's addresses: `unix:/run/application.sock`, `10.0.0.5:8000`."""
    static: Path
    """The directory that is served under /static/."""
    run: Path
    """Where the pid file and the temporary files go."""
    logs: Path
    user: str | None = None
    """User and group of the workers; None when Nginx is not started by root."""


def nginx_conf(site: Site) -> str:
    """The text of nginx.conf for a site."""
    return render("web", "nginx.conf", **asdict(site))

"""Nginx before a contender: the product's own configuration, for each of them the same."""

import grp
import os
from collections.abc import Callable
from pathlib import Path

from bench.speed import machine
from bench.speed.server import Server, free_port
from skytier.local import account
from skytier.roles import web

Change = Callable[[str], str]
"""Makes another nginx.conf of the product's."""

APPLICATION = "        location / {\n"


def start(name: str, upstream: str, directory: Path, change: Change = str) -> Server:
    """Nginx of its own before a contender that listens at `upstream`."""
    home = directory / name
    for part in (home, home / "nginx"):
        part.mkdir()
        part.chmod(0o711)
    port = free_port()
    site = web.Site(
        listen=[f"127.0.0.1:{port}"],
        upstreams=[upstream],
        static=home,
        run=home,
        logs=home,
        user=_user(),
    )
    conf = home / "nginx.conf"
    conf.write_text(change(web.nginx_conf(site)))
    command = (machine.program("nginx"), "-p", home, "-c", conf, "-g", "daemon off;")
    return Server(name, port, command, os.environ, [home / "nginx.log", home / "access.log"])


def answering(path: str, body: str) -> Change:
    """Nginx itself answers this path, always with the same."""
    quoted = body.replace("\\", "\\\\").replace("'", "\\'")
    location = (
        f"        location = {path} {{\n            default_type application/json;\n"
        f"            return 200 '{quoted}';\n        }}\n"
    )
    return lambda text: text.replace(APPLICATION, location + APPLICATION, 1)


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    found = account.first_of("www-data", "nginx", "nobody")
    return f"{found.name} {grp.getgrgid(found.gid).gr_name}"

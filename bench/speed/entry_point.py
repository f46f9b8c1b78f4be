"""Nginx before a contender: the product's own configuration, for each of them the same."""

import grp
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.speed import machine
from bench.speed.server import Server, free_port
from skytier.local import account
from skytier.services.nginx.config import NginxConfig, nginx_conf

Change = Callable[[str], str]
"""Makes another nginx.conf of the product's."""

APPLICATION = "        location / {\n"
CHUNK = 1500
"""Characters of a body in one word of nginx.conf, which takes 4096 bytes."""


def start(name: str, upstream: str, directory: Path, change: Change = str) -> Server:
    """Nginx of its own before a contender that listens at `upstream`."""
    home = directory / name
    for part in (home, home / "nginx"):
        part.mkdir()
        part.chmod(0o711)
    port = free_port()
    config = NginxConfig(
        listen=[f"127.0.0.1:{port}"],
        upstreams=[upstream],
        static=home,
        run=home,
        logs=home,
        user=_user(),
    )
    conf = home / "nginx.conf"
    conf.write_text(change(nginx_conf(config)))
    command = (machine.program("nginx"), "-p", home, "-c", conf, "-g", "daemon off;")
    return Server(name, port, command, os.environ, [home / "nginx.log", home / "access.log"])


def answering(bodies: Mapping[str, str]) -> Change:
    """Nginx itself answers these paths, each always with the same."""
    locations = "".join(_location(path, body) for path, body in bodies.items())
    return lambda text: text.replace(APPLICATION, locations + APPLICATION, 1)


def _location(path: str, body: str) -> str:
    chunks = [body[i : i + CHUNK] for i in range(0, len(body), CHUNK)]
    lines = [f"location = {path} {{", "default_type application/json;"]
    for number, chunk in enumerate(chunks):
        quoted = chunk.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"set $part{number} '{quoted}';")
    parts = "".join(f"${{part{number}}}" for number in range(len(chunks)))
    return "\n".join([*lines, f'return 200 "{parts}";', "}", ""])


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    found = account.first_of("www-data", "nginx", "nobody")
    return f"{found.name} {grp.getgrgid(found.gid).gr_name}"

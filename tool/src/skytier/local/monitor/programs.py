"""What this machine has for watching, by the names that Debian and the projects give it."""

import os
import shutil
import subprocess
from functools import cache

NAMES = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "node": ("prometheus-node-exporter", "node_exporter"),
    "postgres": ("prometheus-postgres-exporter", "postgres_exporter"),
    "nginx": ("prometheus-nginx-exporter", "nginx-prometheus-exporter"),
    "redis": ("prometheus-redis-exporter", "redis_exporter"),
}


def find() -> dict[str, str]:
    """What of NAMES is there, with its path."""
    # Debian does not put /usr/sbin into an ordinary user's PATH.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"
    found = {
        name: next(filter(None, (shutil.which(each, path=path) for each in names)), None)
        for name, names in NAMES.items()
    }
    return {name: program for name, program in found.items() if program}


@cache
def knows(program: str, option: str) -> bool:
    """Whether a program's help names an option."""
    asked = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return option in asked.stdout + asked.stderr

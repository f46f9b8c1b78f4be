"""Which PostgreSQL a machine runs, which is installed there, and whether there is a newer one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Software:
    """PostgreSQL on a machine, as the server, its program and the machine's packages say."""

    running: str
    """What serves: `15.18 (Debian 15.18-0+deb12u1)`; empty where nothing answers."""
    installed: str
    """What the next start brings, in the same form. Until then the former one goes on."""
    newer: str
    """The version of a newer package that the machine knows of (`15.20-0+deb12u1`), else empty."""
    unfinished: bool
    """Whether the package's installation was interrupted."""

    @property
    def is_behind(self) -> bool:
        """Whether something is left to do for the newest minor version to serve."""
        return bool(self.newer) or self.unfinished or self.waits

    @property
    def waits(self) -> bool:
        """Whether what is installed does not serve yet."""
        return bool(self.installed) and self.running != self.installed


def software(told: Mapping[str, Any]) -> Software | None:
    """Of what LOOK printed on a machine; None for one that does not answer."""
    package = told.get("software")
    if not package:
        return None
    running = (told.get("database") or {}).get("running", "")
    return Software(running, package["installed"], package["newer"], package["unfinished"])


def upstream(version: str) -> str:
    """PostgreSQL's own number in a version of whatever form.

    >>> upstream("15.18 (Debian 15.18-0+deb12u1)"), upstream("15.20-0+deb12u1")
    ('15.18', '15.20')
    """
    return version.partition(" ")[0].partition("-")[0]

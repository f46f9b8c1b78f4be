"""Releases of the web application: built on the operator's machine, shipped to web servers."""

from skytier.release.build import Release, Tree, build
from skytier.release.machine import current, target
from skytier.release.ship import activate, migrate, prune, ship, unpack
from skytier.release.target import Target

__all__ = [
    "Release",
    "Target",
    "Tree",
    "activate",
    "build",
    "current",
    "migrate",
    "prune",
    "ship",
    "target",
    "unpack",
]

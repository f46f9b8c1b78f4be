"""Releases of the web application: built on the operator's machine, shipped to web servers."""

from skytier.release.application import Application, of
from skytier.release.build import Release, Tree, build
from skytier.release.machine import current, target
from skytier.release.platform import Platform
from skytier.release.ship import activate, migrate, prune, ship, unpack

__all__ = [
    "Application",
    "Platform",
    "Release",
    "Tree",
    "activate",
    "build",
    "current",
    "migrate",
    "of",
    "prune",
    "ship",
    "target",
    "unpack",
]

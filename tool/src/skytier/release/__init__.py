"""Releases of the web application: built on the operator's machine, shipped to web servers."""

from skytier.release.application import Application, of
from skytier.release.build import Release, Tree, build
from skytier.release.machine import current, note, releases, target, unknown_migrations
from skytier.release.platform import Platform
from skytier.release.ship import (
    Lines,
    activate,
    carry,
    give_variables,
    migrate,
    prune,
    ship,
    unpack,
)

__all__ = [
    "Application",
    "Lines",
    "Platform",
    "Release",
    "Tree",
    "activate",
    "build",
    "carry",
    "current",
    "give_variables",
    "migrate",
    "note",
    "of",
    "prune",
    "releases",
    "ship",
    "target",
    "unknown_migrations",
    "unpack",
]

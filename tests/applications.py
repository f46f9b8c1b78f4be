"""An application for plans that are never carried out."""

from pathlib import Path

from skytier.release import Application

NOTHING = Application(Path("/nowhere"), files=(), dependencies=None)
"""It has no files. Its release has an id all the same."""

"""The web application that Skytier ships: users, posts and statistics over PostgreSQL."""

from importlib.metadata import version

__version__ = version("skytier-app")

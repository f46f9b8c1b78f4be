"""The sample application: where it is, found without importing it, and how it is run."""

import importlib.util
from pathlib import Path

from skytier.errors import SkytierError
from skytier.stackfile.application import ApplicationSection

PACKAGE = "skytier_app"


def installed() -> Path:
    """The package that is installed beside this tool. Raises SkytierError when there is none."""
    found = importlib.util.find_spec(PACKAGE)  # finds it without an import
    if found is None or found.origin is None:
        raise SkytierError(
            f"The application ({PACKAGE}) is not installed beside this tool.",
            "Run ./deploy.sh in the checkout: it sets up both.",
        )
    return Path(found.origin).parent


def section() -> ApplicationSection:
    """Its section of a stack file. Raises SkytierError when its source is not there."""
    package = installed()
    source = package.parents[1]
    if not (source / "pyproject.toml").exists() or not (source / "requirements.txt").exists():
        raise SkytierError(
            f"The application is installed at {package}, but its source is not there: a "
            "release is built from pyproject.toml and requirements.txt.",
            "Run the tool from a checkout: ./deploy.sh",
        )
    return ApplicationSection(
        source=str(source),
        run=f"python -m {PACKAGE} serve",
        dependencies="requirements.txt",
        migrate=f"python -m {PACKAGE} migrate",
        collect=f"python -m {PACKAGE} collect-static static",
        static={"/static/": "static"},
        health="/health",
    )

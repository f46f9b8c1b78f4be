"""Where the sample application is, found without importing it."""

import importlib.util
from pathlib import Path

from skytier.errors import SkytierError
from skytier.stackfile.application import SAMPLE_PACKAGE


def installed() -> Path:
    """The package that is installed beside this tool. Raises SkytierError when there is none."""
    found = importlib.util.find_spec(SAMPLE_PACKAGE)  # finds it without an import
    if found is None or found.origin is None:
        raise SkytierError(
            f"The sample application ({SAMPLE_PACKAGE}) is not installed beside this tool.",
            "Run ./deploy.sh in the checkout: it sets up both.",
        )
    return Path(found.origin).parent


def source() -> Path:
    """Its project. Raises SkytierError when its source is not there."""
    package = installed()
    project = package.parents[1]
    if not (project / "pyproject.toml").exists() or not (project / "requirements.txt").exists():
        raise SkytierError(
            f"The application is installed at {package}, but its source is not there: a "
            "release is built from pyproject.toml and requirements.txt.",
            "Run the tool from a checkout: ./deploy.sh",
        )
    return project

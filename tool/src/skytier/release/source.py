"""Where the application's source is, found without importing it."""

import hashlib
import importlib.util
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skytier.errors import SkytierError

PACKAGE = "skytier_app"


@dataclass(frozen=True)
class Source:
    """A directory with a pyproject.toml, and a requirements.txt that pins all of it with hashes."""

    path: Path

    @property
    def requirements(self) -> Path:
        """What has to be installed beside it."""
        return self.path / "requirements.txt"

    @property
    def version(self) -> str:
        """As its pyproject.toml says."""
        project = tomllib.loads((self.path / "pyproject.toml").read_text())["project"]
        return str(project["version"])

    def fingerprint(self) -> str:
        """64 hexadecimal digits: others as soon as one of its files has another text."""
        digest = hashlib.sha256()
        for path in self._files():
            name = str(path.relative_to(self.path))
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _files(self) -> Iterator[Path]:
        yield self.path / "pyproject.toml"
        yield self.requirements
        for path in sorted((self.path / "src").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def installed() -> Path:
    """The package that is installed beside this tool. Raises SkytierError when there is none."""
    found = importlib.util.find_spec(PACKAGE)  # finds it without an import
    if found is None or found.origin is None:
        raise SkytierError(
            f"The application ({PACKAGE}) is not installed beside this tool.",
            "Run ./deploy.sh in the checkout: it sets up both.",
        )
    return Path(found.origin).parent


def find() -> Source:
    """The source of what is installed. Raises SkytierError when there is none."""
    package = installed()
    path = package.parents[1]
    source = Source(path)
    if not (path / "pyproject.toml").exists() or not source.requirements.exists():
        raise SkytierError(
            f"The application is installed at {package}, but its source is not there: a "
            "release is built from pyproject.toml and requirements.txt.",
            "Run the tool from a checkout: ./deploy.sh",
        )
    return source

"""From a project's dependency file to the packages that a target needs, each in one version."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.pylock import is_valid_pylock_path

from skytier.errors import SkytierError
from skytier.release import servers
from skytier.release.locks import pipfile_lock, pylock, uv_lock
from skytier.release.pins import NotPinnedError, Requirements, read, with_included
from skytier.release.platform import Platform
from skytier.release.poetry import poetry_lock
from skytier.release.resolve import resolve

_LOCKS = {"uv.lock": uv_lock, "poetry.lock": poetry_lock, "Pipfile.lock": pipfile_lock}


@dataclass(frozen=True)
class Pins:
    """What to install for a target."""

    text: str
    """A requirements.txt: one version of each package, with hashes where the source has them."""
    resolved: bool
    """True when versions were chosen now, since no file pins them: keep the text."""


def pinned(
    project: Path, dependencies: str | None, target: Platform, needs: Sequence[str] = ()
) -> Pins:
    """The packages that a target needs to run a project.

    `dependencies` is the path of the project's dependency file, relative to the project: a lock
    file, requirements.txt or pyproject.toml; None when it has none. `needs` names what serves
    (`uvicorn`, `gunicorn`, `prometheus-client`): it is added when the project does not bring it; no
    version that the project pins changes. Conditions are decided for the target, whatever this
    machine is. The package index is asked only for what no file pins. Raises SkytierError.

    >>> pinned(Path("shop"), "uv.lock", Platform("3.12", "x86_64", 39)).resolved  # doctest: +SKIP
    False
    """
    found, resolved = Requirements(()), False
    if dependencies is not None:
        found, resolved = _read(project / dependencies, target)
    found, added_anew = servers.add(found, needs, target)
    return Pins(str(found), resolved or added_anew)


def _read(path: Path, target: Platform) -> tuple[Requirements, bool]:
    if not path.is_file():
        raise SkytierError(
            f"The dependency file {path} does not exist.",
            "Name one that exists, relative to the source directory.",
        )
    if lock := _LOCKS.get(path.name):
        return lock(path, target), False
    if is_valid_pylock_path(path):
        return pylock(path, target), False
    if path.suffix not in (".toml", ".py", ".cfg"):
        try:
            found = read(with_included(path), target)
        except NotPinnedError:
            pass
        else:
            if found.hashed:
                return found, False
    return resolve(path, target), True

"""The releases in the home: their trees, which of them serves, and their history."""

import shutil
from contextlib import suppress
from pathlib import Path

import psutil

from skytier import files
from skytier.local.home import Home
from skytier.release import Release, history
from skytier.release.history import NOBODY, History
from skytier.release.ship import KEPT

VARIABLES = "variables.json"
"""The file of a release with the operator's secret variables."""


class LocalReleases:
    """As on a machine: `releases/ID`, `libraries/NAME`, `current`, `previous`, `history.jsonl`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def history(self) -> History:
        """What was released. A home from before it was noted has its current release in it."""
        path = self._home.history
        return history.read(path.read_text() if path.exists() else "")

    def note(self, line: str) -> None:
        """Append an event."""
        now = self.current()
        if not self._home.history.exists() and now:
            line = "\n".join([*history.released(now, NOBODY), line])
        with self._home.history.open("a") as log:
            log.write(f"{line}\n")

    def current(self) -> str | None:
        """The id of the release that serves, or did last."""
        link = self._home.current
        return link.readlink().name if link.is_symlink() else None

    def there(self) -> list[str]:
        """The ids of those that are kept."""
        if not self._home.releases.exists():
            return []
        return [path.name for path in self._home.releases.iterdir() if path.name[0] != "."]

    def path(self, release: str) -> Path:
        """The directory of a release."""
        return self._home.releases / release

    def put(self, built: Release, variables: str) -> None:
        """Unpack a release, with the operator's secret variables. It gets its name when whole."""
        places = (
            (self._home.libraries, built.libraries),
            (self._home.releases, built.application),
        )
        for place, tree in places:
            target = place / tree.name
            if not target.exists():
                new = place / f".new-{tree.name}"
                shutil.rmtree(new, ignore_errors=True)
                tree.unpack(new)
                new.rename(target)
        files.write(self.path(built.id) / VARIABLES, variables, 0o600)

    def switch_to(self, release: str) -> None:
        """Have it be the current one, and delete those that are kept no longer."""
        before = self.current()
        if before and before != release:
            files.link(self._home.previous, Path("releases", before))
            self.path(before).touch()
        files.link(self._home.current, Path("releases", release))
        self.path(release).touch()
        self.prune()

    def prune(self) -> None:
        """Delete all but those that were used last, and packages that none of them has."""
        releases, libraries = self._home.releases, self._home.libraries
        for path in [path for place in (releases, libraries) for path in place.glob(".new-*")]:
            shutil.rmtree(path)
        newest = sorted(releases.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        running = {self.current(), *_running(releases)}
        kept = [path for n, path in enumerate(newest) if n < KEPT or path.name in running]
        for path in newest:
            if path not in kept:
                shutil.rmtree(path)
        used = {(path / "libraries").readlink().name for path in kept}
        for path in libraries.iterdir():
            if path.name not in used:
                shutil.rmtree(path)
        for path in self._home.secret_files.glob("*"):
            if path.name not in {each.name for each in kept}:
                shutil.rmtree(path)


def _running(releases: Path) -> set[str]:
    """The ids of releases of which a process or a job still runs."""
    found = set()
    for each in psutil.process_iter():
        with suppress(psutil.Error, ValueError):
            found.add(Path(each.cwd()).relative_to(releases).parts[0])
    return found


def unknown_migrations(releases: LocalReleases, now: str, then: str) -> list[str]:
    """The migrations in one release that another one does not have: paths in the source."""
    return sorted(migrations(releases.path(now)) - migrations(releases.path(then)))


def migrations(release: Path) -> set[str]:
    """The files of Django's and Alembic's migrations in a release."""
    app = release / "app"
    found = [*app.glob("**/migrations/**/*.py"), *app.glob("**/versions/*.py")]
    return {str(path.relative_to(app)) for path in found if path.name != "__init__.py"}

"""The one directory that holds everything of the stack on this machine."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

from skytier import files
from skytier.errors import SkytierError
from skytier.local import account

MARKER = ".skytier-home"
# sun_path holds 108 bytes, the closing zero among them.
SOCKET_PATH_BYTES = 100
NOT_IN_PATH = frozenset("\"'\\$,*?[]")
"""Quotes and what they do not stop from having a meaning: a variable of Nginx, a list of hosts of
libpq, a pattern of Prometheus."""


@dataclass(frozen=True)
class Home:
    """Where things lie. Nothing is created before `create`."""

    path: Path

    @property
    def postgresql(self) -> Path:
        """The server's programs and its data."""
        return self.path / "postgresql"

    @property
    def redis(self) -> Path:
        """What Redis keeps."""
        return self.path / "redis"

    @property
    def run(self) -> Path:
        """Sockets, and who runs."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def etc(self) -> Path:
        """Rendered configuration and the remembered options."""
        return self.path / "etc"

    @property
    def static(self) -> Path:
        """What Nginx serves under /static/."""
        return self.path / "static"

    def secret(self, name: str, random_bytes: int = 32) -> str:
        """A secret of this home, made of so many random bytes when there is none yet."""
        path = self.secrets / name
        if not path.exists():
            files.write(path, token_urlsafe(random_bytes) + "\n", 0o600)
        return path.read_text().strip()

    @property
    def secret_files(self) -> Path:
        """Secrets as files, by the release that wants them so."""
        return self.run / "files"

    @property
    def releases(self) -> Path:
        """The releases of an application that is the operator's own, by their id."""
        return self.path / "releases"

    @property
    def libraries(self) -> Path:
        """Their packages."""
        return self.path / "libraries"

    @property
    def current(self) -> Path:
        """Leads to the release that runs."""
        return self.path / "current"

    @property
    def previous(self) -> Path:
        """Leads to the release before."""
        return self.path / "previous"

    @property
    def data(self) -> Path:
        """What an own application may write to, whatever its release."""
        return self.path / "data"

    @property
    def monitor(self) -> Path:
        """What was measured."""
        return self.path / "monitor"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def history(self) -> Path:
        """What was released, a line for each event."""
        return self.path / "history.jsonl"

    @property
    def application_socket(self) -> Path:
        """Where Nginx finds the application: it leads to the socket of the process that serves.

        Readable to nobody but Nginx's workers and us: the application makes it so.
        """
        return self.run / "application.sock"

    @property
    def postgresql_sockets(self) -> Path:
        return self.run / "postgresql"

    def exists(self) -> bool:
        """Whether this is a home that `create` made."""
        return (self.path / MARKER).is_file()

    def create(self) -> None:
        """Make the directories that are missing. Raises SkytierError when it must not or cannot."""
        self._check()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # 0711: the services' own users pass through, and see nothing on the way.
            self.path.chmod(0o711)
            (self.path / MARKER).touch(mode=0o600)
            for directory in (self.postgresql, self.run, self.etc, self.run / "nginx"):
                directory.mkdir(mode=0o711, exist_ok=True)
                directory.chmod(0o711)
            for directory in (self.logs, self.secrets):
                directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SkytierError(
                f"The directory {self.path} cannot be made: {error.strerror}.",
                "Set SKYTIER_HOME to a directory that you may write to.",
            ) from error

    def _check(self) -> None:
        longest = self.postgresql_sockets / ".s.PGSQL.5432"
        if len(os.fsencode(longest)) > SOCKET_PATH_BYTES:
            raise SkytierError(
                f"The path {longest} is too long for a unix socket "
                f"({len(os.fsencode(longest))} of {SOCKET_PATH_BYTES} bytes).",
                "Set SKYTIER_HOME to a shorter path.",
            )
        path = str(self.path)
        if wrong := [c for c in dict.fromkeys(path) if c in NOT_IN_PATH or not c.isprintable()]:
            raise SkytierError(
                f"The path {path!r} has characters that some file of the stack cannot hold: "
                f"{' '.join(repr(each) for each in wrong)}.",
                "Set SKYTIER_HOME to a plainer path. Spaces and letters of any language are good.",
            )
        if not self.path.exists():
            return
        if not self.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise SkytierError(
                f"{self.path} is neither empty nor a home of Skytier.",
                "Set SKYTIER_HOME to a directory of its own.",
            )

    def check_owner(self) -> None:
        """Raises SkytierError when this is another user's home."""
        if self.exists() and (owner := self.path.stat().st_uid) != os.geteuid():
            raise SkytierError(
                f"{self.path} belongs to the user {account.of(owner).name}.",
                "Run as that user, or set SKYTIER_HOME to another directory.",
            )

    def check_is_one(self) -> None:
        """Raises SkytierError when this is no home that `create` made."""
        if not self.exists():
            raise SkytierError(
                f"{self.path} does not look like a home of Skytier: it has no {MARKER}.",
                "Nothing was deleted. Set SKYTIER_HOME to the home that is meant.",
            )

    def note_source(self, directory: str) -> None:
        """Remember whose application is here: the directory of its project, empty for the sample
        application."""
        files.write(self._source, directory + "\n", 0o600)

    def source(self) -> str | None:
        """What `note_source` noted last; None before the first time."""
        return self._source.read_text().strip() if self._source.exists() else None

    @property
    def _source(self) -> Path:
        return self.etc / "source"

    def purge(self) -> None:
        """Delete what `create` and the services made; what others put there stays."""
        for directory in (
            *(self.postgresql, self.redis, self.run, self.static, self.monitor),
            *(self.releases, self.libraries, self.data, self.etc, self.logs, self.secrets),
        ):
            if directory.exists():
                shutil.rmtree(directory)
        for path in (self.current, self.previous, self.history):
            path.unlink(missing_ok=True)
        # The marker last but one: a purge that is interrupted can be run again.
        self.lock.unlink(missing_ok=True)
        (self.path / MARKER).unlink()
        if not any(self.path.iterdir()):
            self.path.rmdir()


def from_environment() -> Home:
    """The home that SKYTIER_HOME names; else /var/lib/skytier for root, or the user's own.

    Raises SkytierError when it belongs to another user.
    """
    if named := os.environ.get("SKYTIER_HOME"):
        home = Home(Path(named).expanduser().resolve())
    elif os.geteuid() == 0:
        home = Home(Path("/var/lib/skytier"))
    else:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
        home = Home(Path(data).resolve() / "skytier")
    home.check_owner()
    return home

"""The operator's secret variables of a stack on this machine."""

from pathlib import Path

from skytier import files
from skytier.local import lock
from skytier.local.home import Home
from skytier.secrets.variables import FILE, Change, Variables


class HomeVariables:
    """See `skytier.secrets.variables.Store`."""

    note = ""

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def _path(self) -> Path:
        return self._home.secrets / FILE

    def read(self) -> Variables:
        """Those of the home; none where there is no home yet."""
        return Variables.read(self._path.read_text() if self._path.exists() else None)

    def change(self, change: Change) -> bool:
        """Write the file, which only its owner can read."""
        self._home.create()
        with lock.held(self._home.lock):
            before = self.read()
            after = change(before)
            if after != before:
                files.write(self._path, after.text, 0o600)
            return after != before

"""A connection where the release has httptools, as Skytier's own choice of packages has."""

from skytier_runtime.bounded import Bounded
from skytier_runtime.connection import OwnLimits


class Connection(OwnLimits, Bounded):
    """Uvicorn's, within the limits of the sample application."""

    def _upgrade(self) -> None:
        if self._should_upgrade():
            self.handle_websocket_upgrade()

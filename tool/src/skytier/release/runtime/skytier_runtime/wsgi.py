"""Serves a WSGI application by Gunicorn: `python -m skytier_runtime.wsgi`."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gunicorn.app.base import BaseApplication

from skytier_runtime import interface, metrics

Environ = dict[str, Any]
Start = Callable[..., Any]
THREADS = 4
GRACE_S = 30


class Measured:
    """The application, with metrics."""

    def __init__(self, app: Callable[[Environ, Start], Iterable[bytes]]) -> None:
        self._app = app
        metrics.began()

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Answer a request."""
        if not environ.get("REMOTE_ADDR"):
            # Nobody but Nginx can connect to the unix socket, whose clients have no address.
            environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
        client = (environ["REMOTE_ADDR"], 0) if environ["REMOTE_ADDR"] else None
        if environ["PATH_INFO"] == metrics.PATH and metrics.may_read(client):
            start_response("200 OK", [("Content-Type", metrics.CONTENT_TYPE)])
            return [metrics.text()]
        # Before the application, which may write its own into the environment.
        route = metrics.route_of(environ["PATH_INFO"], client) or "all"
        return self._measured(environ, start_response, route)

    def _measured(self, environ: Environ, start_response: Start, route: str) -> Iterator[bytes]:
        began, status = time.perf_counter(), 500

        def started(line: str, *more: Any) -> Any:
            nonlocal status
            status = int(line.split()[0])
            return start_response(line, *more)

        metrics.IN_PROGRESS.inc()
        body: Iterable[bytes] = ()
        try:
            body = self._app(environ, started)
            yield from body
        finally:
            if close := getattr(body, "close", None):
                close()
            metrics.IN_PROGRESS.dec()
            seconds = time.perf_counter() - began
            metrics.answered(environ["REQUEST_METHOD"], route, status, seconds)


class Server(BaseApplication):  # type: ignore[misc]  # Gunicorn has no types
    """Gunicorn, configured by the environment alone."""

    def load_config(self) -> None:
        """Threads, so that a slow client does not hold a whole process."""
        for name, value in {
            "workers": int(os.environ["WEB_CONCURRENCY"]),
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE_S,
            # Longer than Nginx keeps its idle connections, so that Nginx closes them.
            "keepalive": 75,
            "control_socket_disable": True,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Measured:
        """What each worker serves."""
        return Measured(interface.application())


if __name__ == "__main__":
    Server().run()

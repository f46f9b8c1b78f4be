"""The page's server: on the loopback, for as long as the command runs."""

import secrets
import signal
import socket
import webbrowser
from collections.abc import Callable
from html import escape
from pathlib import Path

import uvicorn

from skytier import files
from skytier.dashboard.answers import Answers
from skytier.dashboard.guard import Guard
from skytier.dashboard.routes import application
from skytier.errors import SkytierError
from skytier.watched import Watched

LOOPBACK = "127.0.0.1"


def serve(watched: Watched, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `ready` is called with the page's address.

    Port 0 is any that is free. Raises SkytierError when another program has the port.
    """
    token = secrets.token_urlsafe(32)
    with _listen(port) as listening:
        port = listening.getsockname()[1]
        hosts = [f"{host}:{port}" for host in (LOOPBACK, "localhost")]
        guarded = Guard(application(Answers(watched)), token, hosts)
        server = uvicorn.Server(
            uvicorn.Config(
                guarded,
                log_level="error",
                access_log=False,
                server_header=False,
                ws="none",
                lifespan="off",
                timeout_graceful_shutdown=2,
            )
        )

        def end(*_: object) -> None:
            server.should_exit = True

        # From here on no signal is an exception, which an event loop that starts cannot bear.
        # Uvicorn takes both signals while it serves, and raises them again for its caller.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        # It listens already: what asks from now on is answered once the server is up.
        ready(f"http://{LOOPBACK}:{port}/#token={token}")
        server.run(sockets=[listening])


def open_browser(address: str, folder: Path) -> bool:
    """Open the address in the operator's browser. Returns whether there is one with windows.

    By way of a file in `folder` that only this user may read: a browser's command line is there
    for everybody to see.
    """
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    # Browsers of the terminal would take it over, and run none of the page's scripts.
    if type(browser) is webbrowser.GenericBrowser:
        return False
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    path = folder / "open.html"
    files.write(path, f"<!doctype html>{refresh}<title>Skytier</title>", 0o600)
    return browser.open(path.as_uri())


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    # A port that was let go of a moment ago may be taken again.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise SkytierError(
            f"Port {port} of this machine cannot be used: {error.strerror}.",
            "Take another one with --port, or any that is free with --port 0.",
        ) from error
    return listening

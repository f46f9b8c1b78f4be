"""Runs `skytier`, and scripts that use it, as forks of one process that has loaded it.

A command is a process of its own in all that a test sees: number, signals, environment, directory,
output, exit code. Loading takes a second of a processor, each time; a fork takes a hundredth.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any

LARGEST_REQUEST = 2**18
NEEDED = {
    "dashboard": ("skytier.dashboard.server", "skytier.local.backend"),
    "report": ("skytier.report.facts", "skytier.report.pdf", "skytier.report.html"),
    "top": ("skytier.local.backend",),
}
"""What a command imports only when it runs. It is loaded before the first one."""
IN_A_CLOUD = ("skytier.openstack.backend", "skytier.cli.on_cloud.dialog")
AT_LOADING = ("PYTHON", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "LC_", "LANG")
"""What the variables begin with that Python or a library reads while it is loaded."""


def suits(environment: Mapping[str, str]) -> bool:
    """Whether a command in this environment would be loaded as the server was."""
    return _at_loading(environment) == _at_loading(_environment())


class Forked(subprocess.Popen[str]):
    """A command of the server, with all that Popen can do."""

    # Popen has no place for this: these three are what a start, a wait and a poll come down to.
    def _execute_child(
        self,
        args: Sequence[str | Path],
        executable: None,
        preexec_fn: None,
        close_fds: bool,
        pass_fds: tuple[()],
        cwd: Path | None,
        env: Mapping[str, str],
        startupinfo: None,
        creationflags: int,
        shell: bool,
        *pipes_and_more: Any,
    ) -> None:
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *_ = pipes_and_more
        streams = [p2cread, c2pwrite, errwrite]
        streams = [here if here >= 0 else number for number, here in enumerate(streams)]
        request = [list(map(str, args)), str(cwd or Path.cwd()), dict(env)]
        self.told, theirs = socket.socketpair()
        with theirs:
            server, message = _server(), json.dumps(request).encode()
            socket.send_fds(server, [message], [*streams, theirs.fileno()])
        pipes = (p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self.pid = int(self.told.makefile().readline())
        self._child_created = True

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        try:
            said = self.told.recv(20, wait_flags & os.WNOHANG and socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0, 0
        self.told.close()
        return self.pid, int(said or signal.SIGKILL)

    def _internal_poll(self, *_: object, **__: object) -> int | None:
        if self.returncode is None and (found := self._try_wait(os.WNOHANG))[0]:
            self.returncode = os.waitstatus_to_exitcode(found[1])
        return self.returncode


@cache
def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SKYTIER_")}
    # Wide enough that no line of a message is broken in two.
    return {**kept, "COLUMNS": "200", "NO_COLOR": "1"}


def _at_loading(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(AT_LOADING)}


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        popen = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=Path(__file__).parents[1],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        popen.terminate()
        popen.wait()

    atexit.register(end)
    return ours


def serve(requests: socket.socket) -> None:
    """Fork for each request; returns in a process that is to be the command."""
    import_module("skytier.cli")
    # Ctrl-C of a terminal reaches the commands: they hear it themselves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, handles, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 4)
        if not message:
            sys.exit()
        words, directory, environment = json.loads(message)
        for module in _needed(words, environment):
            import_module(module)
        # Else each fork looks for garbage in all that was loaded, which copies it.
        gc.freeze()
        if os.fork() == 0:
            requests.close()
            _become(words, directory, environment, *handles)
            return
        for each in handles:
            os.close(each)


def _needed(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    named = NEEDED.get(words[1], ()) if len(words) > 1 else ()
    cloud = "--cloud" in words or "OS_CLIENT_CONFIG_FILE" in environment
    return named + (IN_A_CLOUD if cloud else ())


def _become(
    words: Sequence[str], directory: str, environment: Mapping[str, str], *handles: int
) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, told = handles
    if pid := os.fork():
        for stream in (*range(3), *streams):
            os.close(stream)
        # Its end is told at once, whatever its parent, who asked for it, does in the meantime.
        os.write(told, f"{pid}\n".encode())
        os.write(told, str(os.waitpid(pid, 0)[1]).encode())
        os._exit(0)
    os.close(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = list(words)
    # The command is named for its program, as that of a script is.
    sys.modules["__main__"].__package__ = None


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    if sys.argv[0].endswith(".py"):
        run_path(sys.argv[0], run_name="__main__")
    else:
        from skytier.__main__ import main

        main()

"""The command that an operator runs, on a home of the tests' own."""

import json
import os
import random
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from skytier.local import options
from skytier.local.home import Home
from skytier.local.stack import LocalStack
from tests import fork_server

PROGRAM = Path(sys.executable).with_name("skytier")


@dataclass(frozen=True)
class Skytier:
    """The command on one home. `run` demands success; `fails` demands an exit code."""

    home: Path
    program: Path = PROGRAM

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SKYTIER_")}
        # Wide enough that no line of a message is broken in two.
        return {**kept, "SKYTIER_HOME": str(self.home), "COLUMNS": "200", "NO_COLOR": "1"}

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        environment = self.environment | more.pop("env", {})
        # What a fork cannot be told any more has to be loaded anew.
        forked = self.program == PROGRAM and not more.keys() - {"cwd", "stderr"}
        run = fork_server.Forked if forked and fork_server.suits(environment) else subprocess.Popen
        return run(
            [self.program, *arguments],
            env=environment,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=more.pop("stderr", subprocess.STDOUT),
            text=True,
            **more,
        )

    def run(self, *arguments: str, **more: Any) -> str:
        return self.ends_with(0, *arguments, **more)

    def ends_with(self, code: int, *arguments: str, **more: Any) -> str:
        """The output, after a run that has to end with an exit code within `timeout` seconds."""
        timeout = more.pop("timeout", 600)
        with self.start(*arguments, **more) as popen:
            said, _ = popen.communicate(timeout=timeout)
        assert popen.returncode == code, said
        return said

    def status(self) -> dict[str, Any]:
        with self.start("status", "--json", stderr=None) as popen:
            answer: dict[str, Any] = json.loads(popen.communicate(timeout=300)[0])
        return answer

    # Asked without the command, which takes its time to start; `status` is what it prints.
    def url(self) -> str:
        return options.load(Home(self.home)).url

    def pids(self) -> dict[str, int | None]:
        """Service to the number of its main process; None when it does not run."""
        return {name: found.pid for name, found in LocalStack(Home(self.home)).states().items()}

    def pid(self, service: str) -> int:
        pid = self.pids()[service]
        assert pid is not None, f"{service} does not run"
        return pid


def free_port() -> int:
    """A port that nobody uses, and that the kernel gives to no connection meanwhile."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    while True:
        port = random.randrange(10_000, int(given[0]))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that works in a home or names it: the sharpest look at what is left over."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.cwd() or "", *process.cmdline()]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(home) in w for w in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def command_lines_of(home: Path) -> list[str]:
    """What those processes were called with, but for one that ends at this moment."""
    found = []
    for each in processes_of(home):
        with suppress(psutil.NoSuchProcess):
            found.append(" ".join(each.cmdline()))
    return found

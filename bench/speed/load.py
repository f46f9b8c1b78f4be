"""The load generator: wrk, pinned to one processor, for a short slice of time."""

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.speed import machine
from bench.speed.work import Request

SCRIPT = Path(__file__).with_name("wrk.lua")
SEPARATOR = b"\0"
LONGEST_S = 3600
TIMEOUT_S = 10


@dataclass(frozen=True)
class Slice:
    """What one slice of load was answered with."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    """Connections that broke, answers that did not come, and answers of status 400 and above."""

    @property
    def rps(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def run(address: str, requests: Sequence[Request], connections: int, seconds: float) -> Slice:
    """Send `requests` round and round over `connections` to `127.0.0.1:8000` and the like."""
    with tempfile.NamedTemporaryFile(prefix="skytier-bench") as file:
        file.write(SEPARATOR.join(request.raw(address) for request in requests))
        file.flush()
        wrk = subprocess.Popen(
            [
                *("taskset", "--cpu-list", machine.last_processor()),
                *("stdbuf", "--output=L", machine.program("wrk")),
                *("--threads", "1", "--connections", str(connections)),
                *("--duration", f"{LONGEST_S}s", "--timeout", f"{TIMEOUT_S}s"),
                *("--script", str(SCRIPT), f"http://{address}", "--", file.name),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            # Its first line says that it has begun, and that it listens to signals.
            if wrk.stdout:
                wrk.stdout.readline()
            time.sleep(seconds)
        finally:
            # wrk counts in whole seconds, but ends early when it is interrupted.
            wrk.send_signal(signal.SIGINT)
            said, _ = wrk.communicate(timeout=12 * TIMEOUT_S)
    return Slice(**json.loads(said.splitlines()[-1]))

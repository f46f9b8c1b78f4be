"""Hostile requests for some minutes: no answer may be a 5xx, and the application stays responsive.

    bench/fuzz                              ten minutes: five behind Nginx, five with Uvicorn alone
    bench/fuzz --minutes 2 --front nginx --seed 7
    bench/fuzz --json

Schemathesis sends what the OpenAPI document allows and what it does not, signed in. Beside it come
raw bytes in headers, broken bodies, and posts and searches that are made to be costly. Meanwhile
/health/live is asked twenty times a second. The exit code is 1, and a line says why, after an
answer of 5xx (501, which refuses a method or a coding that the client named, is none of them), and
when /health/live is not answered, not with 200, or later than --live-within says. Only a stack of
its own on this machine gets these requests.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.fuzzing.attack import attack, is_fault
from bench.fuzzing.stack import running
from bench.speed import machine
from skytier.errors import SkytierError
from skytier.local.home import Home

LIVE = "/health/live"
LIVE_EVERY_S = 0.05
LIVE_WITHIN_S = 1.0
LIVE_TIMEOUT_S = 60
NO_ANSWER = 0
"""In place of a status."""
LOGS = {"nginx": ("access.log", "application.log"), "alone": ("application.log",)}
"""The logs that tell of requests, by what is in front."""
SENTENCE = "a long and private sentence"


def main() -> None:
    """Send, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="bench/fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10, help="in all")
    parser.add_argument("--front", choices=LOGS, action="append", help="default: both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--live-within",
        type=float,
        default=LIVE_WITHIN_S,
        metavar="SECONDS",
        help=f"the longest that {LIVE} may take (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    fronts = arguments.front or LOGS
    with machine.telling("bench/fuzz"):
        each_s = arguments.minutes * 60 / len(fronts)
        found = {
            front: measure(front, each_s, arguments.seed, arguments.live_within) for front in fronts
        }
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for front, result in found.items():
            print(f"{front}: " + ", ".join(f"{k} {v}" for k, v in result.items() if k != "errors"))
            print("\n".join(f"  {error}" for error in result["errors"]) or "  no fault")
    sys.exit(any(result["errors"] for result in found.values()))


@dataclass(frozen=True)
class Asked:
    """What came of one question for `/health/live`: its status, or NO_ANSWER."""

    seconds: float
    status: int


def measure(front: str, seconds: float, seed: int, live_within_s: float) -> dict[str, Any]:
    """What came of so many seconds, as figures by name; `errors` has a line for each fault."""
    machine.say(f"{front}: {seconds:.0f} s ...")
    over = threading.Event()
    with running(behind_nginx=front == "nginx") as (address, home), ThreadPoolExecutor(2) as pool:
        signed_in = sign_in(f"http://{address}")
        live = pool.submit(ask_live, address, over)
        hostile = pool.submit(attack, address, signed_in, seed, over)
        try:
            rounds = schemathesis(f"http://{address}", signed_in, seed, seconds)
        finally:
            over.set()
        outcome, asked = hostile.result(), live.result()
        statuses, errors = logged(home, front)
    waits = sorted(each.seconds for each in asked)
    return {
        "requests": statuses.total(),
        "rounds_of_schemathesis": rounds,
        "hostile_requests": outcome.statuses.total(),
        "slowest_hostile_s": round(outcome.worst[0], 2),
        "slowest_hostile": outcome.worst[1][:100],
        "live_asked": len(waits),
        "live_p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
        "live_worst_ms": round(waits[-1] * 1000, 1),
        "errors": [*outcome.server_errors, *errors, *live_faults(asked, live_within_s)],
    }


def sign_in(url: str) -> dict[str, str]:
    """The headers of a token that may write."""
    with httpx.Client(base_url=url) as client:
        account = {"username": "ada", "password": SENTENCE}
        client.post("/api/users", json={**account, "email": "ada@example.org"}).raise_for_status()
        client.post("/api/sessions", json=account).raise_for_status()
        token = {"name": "fuzz", "current_password": SENTENCE}
        made = client.post("/api/tokens", json=token)
        return {"Authorization": f"Bearer {made.raise_for_status().json()['token']}"}


def schemathesis(url: str, headers: dict[str, str], seed: int, seconds: float) -> int:
    """Run it with one seed after another until the time is over. Returns the number of runs.

    Raises SkytierError when it does not get to send anything.
    """
    end, rounds = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as directory:
        while (left := end - time.monotonic()) > 1:
            words = ["run", f"{url}/openapi.json", "--checks", "not_a_server_error", "--no-color"]
            words += ["--seed", str(seed + rounds), "--max-time", str(int(left) + 1)]
            # What deletes the account or its token would end what the others need.
            words += ["--exclude-method", "DELETE"]
            for name, value in headers.items():
                words += ["--header", f"{name}: {value}"]
            done = subprocess.run(
                [sys.executable, "-m", "schemathesis.cli", *words],
                cwd=directory,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=left + 120,
            )
            # 1 is an answer of 5xx, which the logs tell of.
            if done.returncode not in (0, 1):
                end_of_it = done.stdout[-2000:].strip()
                raise SkytierError(
                    f"Schemathesis ended with {done.returncode}:\n{end_of_it}",
                    "Fix the cause, and run it again.",
                )
            rounds += 1
    return rounds


def ask_live(address: str, over: threading.Event) -> list[Asked]:
    """What came of `/health/live` each time, by new connections; it is asked once at least."""
    asked: list[Asked] = []
    while not asked or not over.wait(LIVE_EVERY_S):
        began = time.perf_counter()
        connection = http.client.HTTPConnection(address, timeout=LIVE_TIMEOUT_S)
        try:
            connection.request("GET", LIVE)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            status = NO_ANSWER
        finally:
            connection.close()
        asked.append(Asked(time.perf_counter() - began, status))
    return asked


def live_faults(asked: Sequence[Asked], within_s: float) -> list[str]:
    """What `/health/live` did wrong, a line for each status but 200, and one for what took long."""
    statuses = Counter(each.status for each in asked if each.status != 200)
    late = [each.seconds for each in asked if each.seconds > within_s]
    said = [
        f"{LIVE}: {count} of {len(asked)} "
        + (f"answered with {status}" if status != NO_ANSWER else "not answered")
        for status, count in sorted(statuses.items())
    ]
    if late:
        said.append(
            f"{LIVE}: {len(late)} of {len(asked)} took longer than {within_s * 1000:.0f} ms, "
            f"the slowest {max(late) * 1000:.0f} ms"
        )
    return said


def logged(home: Home, front: str) -> tuple[Counter[int], list[str]]:
    """Statuses that the stack's own logs tell of, and a line for each of 5xx.

    Raises SkytierError for a log that is not there, since it would hide what it has to tell.
    """
    statuses: Counter[int] = Counter()
    errors = []
    for path in (home.logs / name for name in LOGS[front]):
        for entry in _entries(path):
            statuses[entry["status"]] += 1
            if is_fault(entry["status"]):
                errors.append(f"{path.name}: {entry['status']} {entry['method']} {entry['path']}")
    return statuses, errors


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        raise SkytierError(
            f"The log {path} is not there, so 5xx cannot be counted.",
            "See where the stack writes it now, and name that in LOGS of bench/fuzzing/run.py.",
        ) from None
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "status" in entry and "method" in entry:
            yield entry


if __name__ == "__main__":
    main()

"""Hostile requests for some minutes: no answer may be a 5xx, and the application stays responsive.

    bench/fuzz                              ten minutes: five behind Nginx, five with Uvicorn alone
    bench/fuzz --minutes 2 --front nginx --seed 7
    bench/fuzz --json

Schemathesis sends what the OpenAPI document allows and what it does not, signed in. Beside it come
raw bytes in headers, broken bodies, and posts and searches that are made to be costly. Meanwhile
/health/live is asked twenty times a second. Each answer of 5xx is printed, and the exit code is 1
then; 501, which refuses a method or a coding that the client named, is none of them. Only a stack
of its own on this machine gets these requests.
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from bench.fuzzing.attack import attack, is_fault
from bench.fuzzing.stack import running
from bench.speed import machine
from skytier.local.home import Home

LIVE = "/health/live"
LIVE_EVERY_S = 0.05
FRONTS = ("nginx", "alone")
SENTENCE = "a long and private sentence"


def main() -> None:
    """Send, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="bench/fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10, help="in all")
    parser.add_argument("--front", choices=FRONTS, action="append", help="default: both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    fronts = arguments.front or FRONTS
    with machine.telling("bench/fuzz"):
        each_s = arguments.minutes * 60 / len(fronts)
        found = {front: measure(front, each_s, arguments.seed) for front in fronts}
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for front, result in found.items():
            print(f"{front}: " + ", ".join(f"{k} {v}" for k, v in result.items() if k != "errors"))
            print("\n".join(f"  {error}" for error in result["errors"]) or "  no answer of 5xx")
    sys.exit(any(result["errors"] for result in found.values()))


def measure(front: str, seconds: float, seed: int) -> dict[str, Any]:
    """What came of so many seconds, as figures by name; `errors` has a line for each 5xx."""
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
        outcome, waits = hostile.result(), sorted(live.result())
        statuses, errors = logged(home)
    return {
        "requests": statuses.total(),
        "rounds_of_schemathesis": rounds,
        "hostile_requests": outcome.statuses.total(),
        "slowest_hostile_s": round(outcome.worst[0], 2),
        "slowest_hostile": outcome.worst[1][:100],
        "live_asked": len(waits),
        "live_p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
        "live_worst_ms": round(waits[-1] * 1000, 1),
        "errors": [*outcome.server_errors, *errors],
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
    """Run it with one seed after another until the time is over. Returns the number of runs."""
    end, rounds = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as directory:
        while (left := end - time.monotonic()) > 1:
            words = ["run", f"{url}/openapi.json", "--checks", "not_a_server_error", "--no-color"]
            words += ["--seed", str(seed + rounds), "--max-time", str(int(left) + 1)]
            # What deletes the account or its token would end what the others need.
            words += ["--exclude-method", "DELETE"]
            for name, value in headers.items():
                words += ["--header", f"{name}: {value}"]
            subprocess.run(
                [sys.executable, "-m", "schemathesis.cli", *words],
                cwd=directory,
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=left + 120,
            )
            rounds += 1
    return rounds


def ask_live(address: str, over: threading.Event) -> list[float]:
    """Seconds that each answer of `/health/live` took, by a new connection each."""
    took = []
    while not over.wait(LIVE_EVERY_S):
        began = time.perf_counter()
        connection = http.client.HTTPConnection(address, timeout=60)
        try:
            connection.request("GET", LIVE)
            connection.getresponse().read()
        finally:
            connection.close()
        took.append(time.perf_counter() - began)
    return took


def logged(home: Home) -> tuple[Counter[int], list[str]]:
    """Statuses that the stack's own logs tell of, and a line for each of 5xx."""
    statuses: Counter[int] = Counter()
    errors = []
    for path in (home.logs / "nginx" / "access.log", home.logs / "application.log"):
        for entry in _entries(path):
            statuses[entry["status"]] += 1
            if is_fault(entry["status"]):
                errors.append(f"{path.name}: {entry['status']} {entry['method']} {entry['path']}")
    return statuses, errors


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "status" in entry and "method" in entry:
            yield entry


if __name__ == "__main__":
    main()

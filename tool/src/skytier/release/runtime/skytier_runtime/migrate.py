"""Runs the migration of a release, which waits for a lock for some seconds only.

A statement such as ALTER TABLE needs a lock on its table. While it waits for a long transaction,
all that comes after it waits, visitors too. So it gives up, and is tried again.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from skytier_runtime import psql

ATTEMPTS = 4
KEPT_LINES = 200
LOCK_TIMEOUT = "lock timeout"
"""How PostgreSQL says that it gave up, in English: `canceling statement due to lock timeout`."""
SQLSTATE = "55P03"
# A role that works as another one sees more of its own sessions as itself.
_BLOCKERS = """
    SET ROLE NONE;
    SELECT DISTINCT format('%s, process %s, in a transaction since %s s: %s', b.state, b.pid,
        round(extract(epoch FROM now() - b.xact_start)),
        left(regexp_replace(b.query, '\\s+', ' ', 'g'), 300))
    FROM pg_stat_activity w, unnest(pg_blocking_pids(w.pid)) p
    JOIN pg_stat_activity b ON b.pid = p
    WHERE w.wait_event_type = 'Lock' AND w.datname = current_database()
"""
_LOOKS_EVERY_S = 1.0


def run(command: Sequence[str], url: str | None, lock_s: int) -> int:
    """Run it to its end. Returns its exit code.

    `url` is the database's, by which what blocks it is found. With `lock_s` 0 it waits for ever.
    """
    for attempt in range(ATTEMPTS):
        code, said, blockers = _attempt(command, url, lock_s)
        if code == 0 or not lock_s or not (LOCK_TIMEOUT in said or SQLSTATE in said):
            return code
        tell(f"A lock was not free within {lock_s} s (attempt {attempt + 1} of {ATTEMPTS}).")
        for each in blockers:
            tell(f"It is held by: {each}")
        if attempt + 1 < ATTEMPTS:
            time.sleep(2**attempt)
    tell("The migration was given up. What it says above to be done is done.")
    return code


def tell(text: str) -> None:
    """Say something beside what the migration says."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _attempt(command: Sequence[str], url: str | None, lock_s: int) -> tuple[int, str, set[str]]:
    environment = dict(os.environ)
    if lock_s:
        options = environment.get("PGOPTIONS", "")
        environment["PGOPTIONS"] = f"{options} -c lock_timeout={lock_s}s".strip()
    said: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        blockers: set[str] = set()
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(url, blockers, ended), daemon=True)
        if url and lock_s:
            watch.start()
        for line in running.stderr or ():
            sys.stderr.write(line)
            said = [*said[-KEPT_LINES:], line]
        code = running.wait()
        ended.set()
        if watch.is_alive():
            watch.join()
    return code, "".join(said), blockers


def _watch(url: str, found: set[str], ended: threading.Event) -> None:
    """Note what blocks, until the migration has ended. Without psql nothing is found."""
    while not ended.wait(_LOOKS_EVERY_S):
        try:
            found.update(psql.run(url, _BLOCKERS).splitlines())
        except psql.PsqlError:
            return

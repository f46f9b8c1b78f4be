"""The database alone: pgbench with the statements that the application itself sends."""

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.speed import machine
from bench.speed.database import Database
from bench.speed.load import Slice
from bench.speed.measure import MAIN, Sample, Setting
from bench.speed.server import Server
from bench.speed.work import WORDS, Request, Works
from skytier.errors import SkytierError

CLIENTS = 8
DURATIONS_S = (1, 5, 20)
VALUES = {
    "one": ["id"],
    "list": [],
    "page": ["created_at", "id"],
    "search": ["words"],
    "health": [],
    "create": ["user_id", "title", "content"],
}
"""What stands for $1, $2 and so on in the product's statement for each kind of work."""

MARKS = {"health": "version_num", "create": "INSERT INTO posts"}
"""Words of the statement, where they are not `FROM posts`."""
ATTEMPTS = 50


class Pgbench:
    """pgbench with prepared statements, pinned as the load generator is."""

    name = "pgbench"

    def __init__(self, database: Database, product: Server, works: Works, directory: Path) -> None:
        self._database = database
        self._variables = list(_variables(database))
        self._scripts = {}
        for work in VALUES:
            statement = _statement(database, product, work, works[work][0])
            self._scripts[work] = directory / f"{work}.sql"
            self._scripts[work].write_text(_script(database, work, statement))

    def can(self, work: str, setting: Setting) -> bool:
        """What is one statement. There is no door to it, and it has clients of its own number."""
        return work in self._scripts and setting == MAIN

    def sample(
        self, work: str, requests: Sequence[Request], setting: Setting, seconds: float
    ) -> Sample:
        """The statement again and again, for one second: pgbench counts in whole ones.

        On a busy machine none may end in one second. Then pgbench prints no rate, and has more.
        """
        for duration_s in DURATIONS_S:
            done, lines = self._run(work, duration_s)
            tps = re.search(r"tps = ([\d.]+)", done.stdout)
            if done.returncode or tps:
                break
        if done.returncode or tps is None:
            raise SkytierError(
                f"pgbench did not run the statement of {work!r}:\n"
                f"{(done.stderr + done.stdout).strip()}",
                "See that VALUES in bench/speed/pgbench.py names what the statement takes.",
            )
        # Each line: client, transaction, how many microseconds it took, ...
        hundredths = statistics.quantiles([int(line.split()[2]) / 1000 for line in lines], n=100)
        found = Slice(len(lines), len(lines) / float(tps[1]), hundredths[49], hundredths[98], 0)
        return Sample(self.name, work, setting, found)

    def _run(
        self, work: str, duration_s: int
    ) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """How it ended, and its log: a line for each transaction."""
        with tempfile.TemporaryDirectory(prefix="skytier-bench") as logs:
            command = [
                *("taskset", "--cpu-list", machine.last_processor(), str(self._database.pgbench)),
                *("--no-vacuum", "--protocol", "prepared", "--client", str(CLIENTS)),
                *("--time", str(duration_s), "--log", "--log-prefix", f"{logs}/log"),
                *("--file", str(self._scripts[work]), *self._variables),
            ]
            environment = self._database.environment
            done = subprocess.run(
                command, env=environment, check=False, capture_output=True, text=True
            )
            return done, [x for log in Path(logs).iterdir() for x in log.read_text().splitlines()]


def _statement(database: Database, product: Server, work: str, request: Request) -> str:
    """The statement that the product sends to answer this request.

    PostgreSQL shows the last statement of each connection only, and the product has work of its own
    (counts, its health): it may have used the connection for that since. Then it is asked again.
    """
    for _ in range(ATTEMPTS):
        since = database.query("SELECT clock_timestamp()")[0][0]
        product.ask(request)
        rows = database.query(
            "SELECT query FROM pg_stat_activity WHERE application_name = 'skytier-app' "
            "AND query_start >= $1 AND query LIKE '%' || $2 || '%' ORDER BY query_start LIMIT 1",
            since,
            MARKS.get(work, "FROM posts"),
        )
        if rows:
            return str(rows[0]["query"])
        time.sleep(0.1)
    raise SkytierError(
        f"PostgreSQL showed no statement of {work!r} after {ATTEMPTS} requests.",
        "See that MARKS in bench/speed/pgbench.py names words of that statement.",
    )


def _script(database: Database, work: str, statement: str) -> str:
    """The statement as pgbench takes it, with a variable for each of its parameters."""
    statement = for_one(statement)
    lines = []
    for number, name in enumerate(VALUES[work], 1):
        if name == "id":
            lines.append(rf"\set id random(1, {database.posts})")
        statement = re.sub(rf"\${number}\b", f":{name}", statement)
    return "\n".join([*lines, statement.strip() + ";", ""])


def for_one(statement: str) -> str:
    """A statement for many who ask at once, asked for one: its arrays have one element each.

    >>> for_one("SELECT * FROM posts WHERE id = ANY($1)")
    'SELECT * FROM posts WHERE id = ANY(ARRAY[$1]::bigint[])'
    """
    statement = re.sub(r"(\$\d+)::(\w+)\[\]", r"ARRAY[\1]::\2[]", statement)
    return re.sub(r"ANY\((\$\d+)\)", r"ANY(ARRAY[\1]::bigint[])", statement)


def _variables(database: Database) -> Iterator[str]:
    """Arguments for pgbench: what does not change from one transaction to the next."""
    rows = database.query("SELECT created_at::text FROM posts WHERE id = $1", database.posts // 2)
    values = {
        "words": WORDS[0],
        "created_at": rows[0]["created_at"],
        "user_id": 1,
        "title": "On engines",
        "content": "It weaves algebraic patterns just as the loom weaves flowers and leaves.",
    }
    for name, value in values.items():
        yield from ("--define", f"{name}={value}")

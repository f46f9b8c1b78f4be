"""Clients that write numbers and read them, as a program of its own: it is where a web server is.

Standard input: one line of JSON with `primary` and `replica`, the URLs of the database. It creates
the table, prints `ready`, and works until its standard input ends. Then it prints what happened as
JSON: `writes` and `reads`, each [seconds since 1970, number], in the order of the answers.
"""

import asyncio
import itertools
import json
import sys
import time
from typing import Any

import asyncpg

WRITERS, READERS = 8, 2
PATIENCE_S = 5
"""For a connection, and for a statement."""
PAUSE_S = 0.05
TABLE = "bench_numbers"
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_numbers = itertools.count(1)


async def main() -> None:
    """Work until the standard input ends."""
    # asyncpg has errors of connections that were given up, which nobody asks for.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    urls = json.loads(sys.stdin.readline())
    connection = await asyncpg.connect(urls["primary"], timeout=PATIENCE_S)
    await connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (n bigint PRIMARY KEY)")
    await connection.execute(f"TRUNCATE {TABLE}")
    await connection.close()
    writes: list[tuple[float, int]] = []
    reads: list[tuple[float, int]] = []
    tasks = [asyncio.create_task(_write(urls["primary"], writes)) for _ in range(WRITERS)]
    tasks += [
        asyncio.create_task(_read([urls["replica"], urls["primary"]], reads))
        for _ in range(READERS)
    ]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps({"writes": writes, "reads": reads}))


async def _write(url: str, done: list[tuple[float, int]]) -> None:
    """Insert numbers, each once. One without an answer is not tried again."""
    connection: Any = None
    while True:
        number = next(_numbers)
        try:
            connection = connection or await asyncpg.connect(url, timeout=PATIENCE_S)
            await connection.execute(
                f"INSERT INTO {TABLE} VALUES ($1)",  # noqa: S608
                number,
                timeout=PATIENCE_S,
            )
            done.append((time.time(), number))
        except _AWAY:
            connection = _dropped(connection)
            await asyncio.sleep(PAUSE_S)


async def _read(urls: list[str], done: list[tuple[float, int]]) -> None:
    """Read the greatest number, from the first of the URLs that answers."""
    connection: Any = None
    for url in itertools.cycle(urls):
        try:
            connection = await asyncpg.connect(url, timeout=PATIENCE_S)
            while True:
                sql = f"SELECT coalesce(max(n), 0) FROM {TABLE}"  # noqa: S608
                found = await connection.fetchval(sql, timeout=PATIENCE_S)
                done.append((time.time(), found))
                await asyncio.sleep(PAUSE_S)
        except _AWAY:
            connection = _dropped(connection)
            await asyncio.sleep(PAUSE_S)


def _dropped(connection: Any) -> None:
    if connection is not None:
        connection.terminate()


if __name__ == "__main__":
    asyncio.run(main())

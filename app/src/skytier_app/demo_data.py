"""Loads many realistic users and posts quickly, to try out and to measure."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
from mimesis import Locale, Person

from skytier_app import demo_text

CHUNK = 5000
Report = Callable[[str, int, int], None]
"""Called with the table, how many rows are loaded, and how many there will be."""

_NO_PASSWORD = "!"  # noqa: S105  # no hash: nobody can sign in with it


async def load(database_url: str, users: int, posts: int, report: Report) -> None:
    """Add users of the last year and posts of the last 60 days, all of them or none (COPY).

    Raises OSError and asyncpg.PostgresError.
    """
    rng = random.Random()  # noqa: S311  # nothing here is a secret
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            user_ids = await _load_users(connection, rng, users, report)
            await _load_posts(connection, rng, user_ids, posts, report)
        await connection.execute("ANALYZE users, posts")
    finally:
        await connection.close()


async def _load_users(
    connection: "asyncpg.Connection[asyncpg.Record]", rng: random.Random, users: int, report: Report
) -> list[int]:
    # The ids are drawn beforehand, so that the posts know them.
    rows = await connection.fetch(
        "SELECT nextval(pg_get_serial_sequence('users', 'id')) FROM generate_series(1, $1)", users
    )
    ids = [row[0] for row in rows]
    person = Person(Locale.EN)
    since = _times(rng, users, timedelta(days=365))
    for start in range(0, users, CHUNK):
        records = []
        for number, user_id in enumerate(ids[start : start + CHUNK], start):
            first, last = person.first_name(), person.last_name()
            name = "".join(c for c in f"{first}.{last}".lower() if c.isascii() and c != " ")
            name = f"{name[:30]}{user_id}"  # unique as the id is
            records.append((user_id, name, f"{name}@example.org", _NO_PASSWORD, since[number]))
        columns = ["id", "username", "email", "password_hash", "created_at"]
        await connection.copy_records_to_table("users", records=records, columns=columns)
        report("users", start + len(records), users)
    return ids


async def _load_posts(
    connection: "asyncpg.Connection[asyncpg.Record]",
    rng: random.Random,
    user_ids: list[int],
    posts: int,
    report: Report,
) -> None:
    times = _times(rng, posts, timedelta(days=60))

    def records(start: int, end: int) -> Iterator[tuple[int, str, str, datetime, datetime]]:
        for at in times[start:end]:
            # A few write much, most write little.
            author = user_ids[int(len(user_ids) * rng.random() ** 2)]
            title, content = demo_text.post(rng)
            yield author, title, content, at, at

    columns = ["user_id", "title", "content", "created_at", "updated_at"]
    for start in range(0, posts, CHUNK):
        end = min(start + CHUNK, posts)
        await connection.copy_records_to_table(
            "posts", records=list(records(start, end)), columns=columns
        )
        report("posts", end, posts)


def _times(rng: random.Random, number: int, span: timedelta) -> list[datetime]:
    now = datetime.now(UTC)
    return sorted(now - span * rng.random() for _ in range(number))

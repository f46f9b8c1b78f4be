"""A table with posts gets the new rule of the search while both releases are at work."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from postgres_cluster import PostgresCluster
from skytier_app.database import Database, open_database
from skytier_app.migrate import migrate
from skytier_app.posts import backlog
from skytier_app.posts.backlog import Backlog
from skytier_app.settings import Settings

from .conftest import client_of, running

OLD_SEARCH = "SELECT title FROM posts WHERE search @@ websearch_to_tsquery('english', $1)"
SEARCH = "SELECT title FROM posts WHERE search @@ search_query($1)"
ADD = "INSERT INTO posts (user_id, title, content) SELECT min(id), $1, $2 FROM users RETURNING *"
CAFE = "Café https://example.org/a/b 日本語のテスト"


@pytest.fixture
async def old_url(postgres: PostgresCluster) -> AsyncIterator[str]:
    """A database with the first schema and one user."""
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute("CREATE DATABASE old")
    await migrate(postgres.url("old"), to="0001")
    yield postgres.url("old")
    await server.execute("DROP DATABASE old WITH (FORCE)")
    await server.close()


@pytest.fixture
async def old(old_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(old_url)
    await connection.execute(
        "INSERT INTO users (username, email, password_hash) VALUES ('ada', 'a@b', '')"
    )
    yield connection
    await connection.close()


@pytest.fixture
async def database(old_url: str) -> AsyncIterator[Database]:
    async with open_database(
        old_url, pool_size=8, pool_wait_s=20, statement_timeout_s=20
    ) as database:
        yield database


async def titles(connection: Any, statement: str, words: str) -> list[str]:
    return sorted(row["title"] for row in await connection.fetch(statement, words))


async def finish(database: Database, connection: Any) -> int:
    """How many times it took."""
    work, times = Backlog(database), 0
    while await connection.fetchval("SELECT count(*) FROM search_backlog"):
        await work.index_some()
        times += 1
    return times


async def test_posts_of_before_and_of_the_release_before_are_found_by_both(
    old: Any, old_url: str, database: Database
) -> None:
    # Prepared before the migration, as the connections of the release before have it.
    insert = await old.prepare(ADD)
    search = await old.prepare(OLD_SEARCH)
    await insert.fetch("Before", f"engines {CAFE}")
    await migrate(old_url, to="0002")
    await insert.fetch("Meanwhile", f"engines {CAFE}")
    await old.execute("UPDATE posts SET title = 'Looms' WHERE title = 'Before'")
    await insert.fetch("Untouched", "engines")
    both = ["Looms", "Meanwhile"]

    assert sorted(row["title"] for row in await search.fetch("engine")) == [*both, "Untouched"]
    assert await titles(old, OLD_SEARCH, "loom") == ["Looms"]
    for words in ("cafe", "example.org/a", "日本語", "engine cafe"):
        assert await titles(old, SEARCH, words) == both

    await finish(database, old)
    for statement in (SEARCH, OLD_SEARCH):
        assert await titles(old, statement, "engine") == [*both, "Untouched"]


async def test_posts_that_are_there_get_their_words_once_newest_first_and_in_small_steps(
    old: Any, old_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "POSTS", 4)
    monkeypatch.setattr(backlog, "BYTES", 5000)
    for n in range(10):
        await old.execute(ADD, f"{n}", CAFE + "x" * (9000 if n == 5 else 0))
    before = await old.fetch("SELECT id, updated_at FROM posts ORDER BY id")
    await migrate(old_url)
    assert await titles(old, SEARCH, "cafe") == []
    assert await titles(old, SEARCH, "test OR café") == []

    await Backlog(database).index_some()
    assert await titles(old, SEARCH, "cafe") == ["6", "7", "8", "9"]
    assert await finish(database, old) == 4  # the large one is alone; the last finds none
    assert len(await titles(old, SEARCH, "cafe")) == 10
    assert await old.fetch("SELECT id, updated_at FROM posts ORDER BY id") == before


async def test_texts_that_take_the_parser_long_break_neither_migration_nor_backlog(
    old: Any, old_url: str, database: Database
) -> None:
    # Short enough to be stored in a moment; the most that fits comes by way of another table.
    for n, unit in enumerate(("a_", "~/", "./", "1_")):
        await old.execute(ADD, f"engine {n}", unit * 2000)
    # What the old rule would need minutes for, put there as a restore does it.
    await old.execute("ALTER TABLE posts ALTER COLUMN search DROP EXPRESSION")
    long = "INSERT INTO posts (user_id, title, content, search) SELECT id, $1, $2, '' FROM users"
    for n, unit in enumerate(("a_", "~/", "\u05b9\u05b0", "日本"), 4):
        await old.execute(long, f"engine {n}", unit * 50_000)
    await old.execute("ALTER TABLE posts ALTER COLUMN search SET NOT NULL")
    await asyncio.wait_for(migrate(old_url), 60)
    await finish(database, old)
    assert len(await titles(old, SEARCH, "engine")) == 8


async def test_a_new_database_has_no_backlog_and_several_workers_share_one(
    old: Any, old_url: str, database: Database, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sql.fetchval("SELECT count(*) FROM search_backlog") == 0
    monkeypatch.setattr(backlog, "POSTS", 2)
    for n in range(20):
        await old.execute(ADD, f"{n}", CAFE)
    await migrate(old_url)
    workers = [Backlog(database) for _ in range(3)]
    async with asyncio.timeout(60):
        while await old.fetchval("SELECT count(*) FROM search_backlog"):
            await asyncio.gather(*(worker.index_some() for worker in workers))
    assert len(await titles(old, SEARCH, "cafe")) == 20


async def test_a_post_that_is_being_changed_is_left_for_the_next_time(
    old: Any, old_url: str, database: Database
) -> None:
    for n in range(3):
        await old.execute(ADD, f"{n}", CAFE)
    await migrate(old_url)
    work = Backlog(database)
    async with database.transaction() as change:
        await change.execute("SELECT FROM posts WHERE title = '1' FOR UPDATE")
        await work.index_some()
        assert await titles(old, SEARCH, "cafe") == []
    await work.index_some()
    assert len(await titles(old, SEARCH, "cafe")) == 3


async def test_the_application_works_the_backlog_off_by_itself(
    old: Any, old_url: str, settings: Settings
) -> None:
    await old.execute(ADD, "Before", CAFE)
    await migrate(old_url)
    settings = settings.model_copy(update={"database_url": SecretStr(old_url)})
    async with running(settings) as app, client_of(app) as client, asyncio.timeout(60):
        while not (await client.get("/api/posts", params={"q": "cafe"})).json():
            await asyncio.sleep(0.05)


async def test_the_migration_waits_for_a_long_reader_and_lets_others_read_meanwhile(
    old: Any, old_url: str
) -> None:
    reader = await asyncpg.connect(old_url)
    other = await asyncpg.connect(old_url)
    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM posts")
        migration = asyncio.create_task(migrate(old_url))
        for _ in range(8):
            # It waits for the lock for a second at the most, and others behind it.
            await other.fetch("SELECT count(*) FROM posts", timeout=60)
            await asyncio.sleep(0.2)
        assert not migration.done()
    await asyncio.wait_for(migration, 60)
    await reader.close()
    await other.close()


async def test_a_restore_of_the_data_alone_is_indexed(
    sql: Any,
) -> None:
    await sql.execute(
        "INSERT INTO users (username, email, password_hash) VALUES ('ada', 'a@b', '')"
    )
    await sql.execute("SET search_path = ''")
    await sql.execute(
        "INSERT INTO public.posts (user_id, title, content) "
        "SELECT id, 'x', 'Café' FROM public.users"
    )
    await sql.execute("RESET search_path")
    assert await titles(sql, SEARCH, "cafe") == ["x"]

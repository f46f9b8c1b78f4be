"""The database itself refuses what the application must never write."""

import asyncio
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import alembic.command
import asyncpg
import pytest
from alembic.script import ScriptDirectory

from postgres_cluster import PostgresCluster
from skytier_app.migrate import migrate

NEWEST = str(ScriptDirectory(str(files("skytier_app") / "migrations")).get_current_head())
USER = "INSERT INTO users (username, email, password_hash) VALUES ($1, $2, '!')"
POST = "INSERT INTO posts (user_id, title, content) SELECT min(id), $1, $2 FROM users"


@pytest.mark.parametrize(
    ("statement", "values", "error"),
    [
        (USER, ("ADA", "x@example.org"), asyncpg.UniqueViolationError),
        (USER, ("grace", "Ada@Example.org"), asyncpg.UniqueViolationError),
        (USER, ("ab", "x@example.org"), asyncpg.CheckViolationError),
        (USER, ("a" * 51, "x@example.org"), asyncpg.CheckViolationError),
        (USER, ("grace", "no address"), asyncpg.CheckViolationError),
        (USER, (None, "x@example.org"), asyncpg.NotNullViolationError),
        (POST, ("", "x"), asyncpg.CheckViolationError),
        (POST, ("t" * 201, "x"), asyncpg.CheckViolationError),
        (POST, ("t", "c" * 100_001), asyncpg.CheckViolationError),
        (
            "INSERT INTO posts (user_id, title, content) VALUES (999, $1, $2)",
            ("t", "c"),
            asyncpg.ForeignKeyViolationError,
        ),
    ],
)
async def test_a_row_that_breaks_a_rule_is_refused(
    sql: "asyncpg.Connection[asyncpg.Record]",
    statement: str,
    values: tuple[object, ...],
    error: type[Exception],
) -> None:
    await sql.execute(USER, "ada", "ada@example.org")
    with pytest.raises(error):
        await sql.execute(statement, *values)


async def test_times_have_a_zone(sql: "asyncpg.Connection[asyncpg.Record]") -> None:
    types = await sql.fetch(
        "SELECT DISTINCT data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name LIKE '%\\_at'"
    )
    assert [row["data_type"] for row in types] == ["timestamp with time zone"]


@pytest.fixture
async def empty_database(postgres: PostgresCluster):
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute("CREATE DATABASE empty")
    yield postgres.url("empty")
    await connection.execute("DROP DATABASE empty WITH (FORCE)")
    await connection.close()


def command(*arguments: str, database_url: str, directory: Path) -> "subprocess.Popen[str]":
    (directory / "skytier_database_url").write_text(database_url)
    return subprocess.Popen(
        [sys.executable, "-m", "skytier_app", *arguments],
        env=os.environ | {"SKYTIER_SECRETS_DIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_two_processes_that_migrate_at_once_both_succeed(
    empty_database: str, tmp_path: Path
) -> None:
    both = [command("migrate", database_url=empty_database, directory=tmp_path) for _ in range(2)]
    for process in both:
        out, error = await asyncio.to_thread(process.communicate, timeout=300)
        assert (process.returncode, out) == (0, f"{NEWEST}\n"), error
    connection = await asyncpg.connect(empty_database)
    assert await connection.fetch("SELECT version_num FROM alembic_version") == [(NEWEST,)]
    assert await connection.fetchval("SELECT count(*) FROM posts") == 0
    await connection.close()


async def test_accounts_of_the_first_schema_go_on_and_its_release_works_with_the_newest(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = alembic.command.upgrade
    monkeypatch.setattr(alembic.command, "upgrade", lambda config, _: upgrade(config, "0001"))
    assert await migrate(empty_database) == "0001"
    connection = await asyncpg.connect(empty_database)
    await connection.execute(USER, "ada", "ada@example.org")

    async def as_the_first_release_does(number: int) -> None:
        hashed = bytes([number]) * 32
        await connection.execute(
            "INSERT INTO api_tokens (user_id, name, token_hash) "
            "SELECT id, $1, $2 FROM users WHERE username = 'ada'",
            *(f"number {number}", hashed),
        )
        await connection.execute(
            "INSERT INTO sessions (token_hash, user_id, expires_at) "
            "SELECT $1, id, now() + interval '1 day' FROM users WHERE username = 'ada'",
            hashed,
        )

    await as_the_first_release_does(1)
    monkeypatch.undo()
    assert await migrate(empty_database) == NEWEST
    await as_the_first_release_does(2)
    tokens = await connection.fetch("SELECT scope, expires_at FROM api_tokens")
    assert [tuple(token) for token in tokens] == [("write", None)] * 2
    assert await connection.fetchval("SELECT count(*) FROM sessions") == 2
    await connection.execute("DELETE FROM users")
    assert await connection.fetchval("SELECT count(*) FROM api_tokens") == 0
    await connection.close()


async def test_an_application_without_a_schema_says_that_it_is_not_ready(
    empty_database: str, settings
) -> None:
    from pydantic import SecretStr

    from .conftest import client_of, running

    settings.database_url = SecretStr(empty_database)
    async with running(settings) as app, client_of(app) as client:
        answer = await client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["database"]["reachable"] is True
    assert answer.json()["database"]["schema_revision"] is None


async def test_demo_data_is_believable_and_can_be_loaded_twice(
    database_url: str, tmp_path: Path, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for run in (1, 2):
        process = command(
            *("demo-data", "--users", "50", "--posts", "6000"),
            database_url=database_url,
            directory=tmp_path,
        )
        out, error = await asyncio.to_thread(process.communicate, timeout=300)
        assert process.returncode == 0, error
        assert out.splitlines()[-1] == '{"table": "posts", "done": 6000, "total": 6000}'
        counts = await sql.fetchrow(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM posts)"
        )
        assert counts == (50 * run, 6000 * run)
    authors = await sql.fetchval("SELECT count(DISTINCT user_id) FROM posts")
    titles = await sql.fetchval("SELECT count(DISTINCT title) FROM posts")
    days = await sql.fetchval("SELECT count(DISTINCT created_at::date) FROM posts")
    names = [row[0] for row in await sql.fetch("SELECT username FROM users")]
    assert all(re.fullmatch(r"[a-z'-]+\.[a-z'-]+\d+", name) for name in names), names
    assert authors > 80
    assert titles > 300
    assert days >= 60


async def test_an_administrator_is_named_and_unnamed_by_the_command(
    database_url: str, tmp_path: Path, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await sql.execute(USER, "ada", "ada@example.org")
    for arguments, wanted in ((("ADA",), True), (("ada", "--revoke"), False)):
        process = command("admin", *arguments, database_url=database_url, directory=tmp_path)
        assert process.wait(60) == 0
        assert await sql.fetchval("SELECT is_admin FROM users") is wanted
    log = await sql.fetch("SELECT kind, actor FROM security_events ORDER BY id")
    assert [event["kind"] for event in log] == ["administrator_made", "administrator_revoked"]
    assert {event["actor"] for event in log} == {"skytier admin"}
    process = command("admin", "nobody", database_url=database_url, directory=tmp_path)
    _, error = process.communicate(timeout=300)
    assert (process.returncode, "no user 'nobody'" in error) == (1, True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://localhost/app", "SKYTIER_DATABASE_URL: Value error, has to begin with"),
        ("postgresql:///app?host=/nowhere", "the database refused"),
    ],
)
def test_a_wrong_database_url_is_one_clear_line(tmp_path: Path, url: str, message: str) -> None:
    process = command("migrate", database_url=url, directory=tmp_path)
    _, error = process.communicate(timeout=300)
    assert process.returncode != 0
    assert message in error
    assert len(error.splitlines()) == 1

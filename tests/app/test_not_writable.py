"""The database refuses, is elsewhere, or cuts connections: 503 and a problem, and never 500."""

import asyncio
from collections import Counter

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from skytier_app.database import NotWritable, open_database
from skytier_app.settings import Settings

from .conftest import client_of, running, write_post

POST = {"title": "On engines", "content": "It weaves algebraic patterns."}
Sql = asyncpg.Connection


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["detail"].startswith("The database ")


async def refuse_posts(sql: Sql, code: str) -> None:
    """Let PostgreSQL answer each new post with an error of this code."""
    await sql.execute(
        f"""
        CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;
        CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON posts EXECUTE FUNCTION refuse()
        """
    )


@pytest.mark.parametrize(
    "code",
    [
        "08006",  # connection failure
        "0A000",  # a table without a log, on a standby
        "25006",  # read-only
        "25P03",  # idle in a transaction for too long
        "40001",  # conflict with recovery, on a standby
        "53100",  # disk full
        "53300",  # too many connections
        "57014",  # cancelled
        "57P01",  # shut down by an administrator
        "57P02",  # another server process crashed
        "57P03",  # starting up, or a standby that lets nobody in
    ],
)
async def test_an_error_of_the_state_of_the_server_is_503(
    ada: httpx.AsyncClient, sql: Sql, code: str
) -> None:
    await refuse_posts(sql, code)

    by_batch = await ada.post("/api/posts", json=POST)
    in_transaction = await ada.post("/api/posts", json=POST, headers={"Idempotency-Key": "one"})

    assert_unavailable(by_batch)
    assert_unavailable(in_transaction)
    await sql.execute("DROP TRIGGER refuse ON posts")
    assert (await ada.post("/api/posts", json=POST)).status_code == 201


async def test_a_fault_of_the_statement_is_still_500(ada: httpx.AsyncClient, sql: Sql) -> None:
    await refuse_posts(sql, "22012")

    assert (await ada.post("/api/posts", json=POST)).status_code == 500


async def test_connections_to_a_server_that_turned_read_only_are_not_used_again(
    database_url: str, sql: Sql
) -> None:
    await refuse_posts(sql, "25006")
    async with open_database(
        database_url, pool_size=2, pool_wait_s=5, statement_timeout_s=10
    ) as database:

        async def used() -> set[int]:
            pid = "SELECT pg_backend_pid() FROM pg_sleep(0.1)"
            return set(await asyncio.gather(database.fetchval(pid), database.fetchval(pid)))

        before = await used()
        with pytest.raises(NotWritable):
            await database.execute("INSERT INTO posts DEFAULT VALUES")
        after = await used()

    assert len(before) == len(after) == 2
    assert not before & after


@pytest.mark.parametrize(
    "change",
    [
        ("?", "?target_session_attrs=standby&"),  # no server of the wanted kind
        ("/test_", "/no_such_"),
        ("skytier@", "nobody_here@"),
        ("?host=", "?host=/no/such/directory"),
    ],
)
async def test_a_server_that_does_not_let_it_in_is_503(
    settings: Settings, change: tuple[str, str]
) -> None:
    url = settings.database_url.get_secret_value().replace(*change)
    changed = settings.model_copy(update={"database_url": SecretStr(url)})
    async with running(changed) as app, client_of(app) as client:
        assert_unavailable(await client.get("/api/posts"))
        health = await client.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "unavailable"


async def test_writes_whose_connections_are_cut_are_503_and_what_was_told_is_stored(
    app: FastAPI, ada: httpx.AsyncClient, sql: Sql
) -> None:
    post = await write_post(ada)
    answers: Counter[int] = Counter()
    made: set[int] = set()

    async def write(number: int) -> None:
        while answers[503] < 10 or answers[201] < 20 or answers[200] < 5:
            if number % 2:
                content = {"content": f"changed {sum(answers.values())}"}
                answer = await ada.patch(f"/api/posts/{post['id']}", json=content)
            else:
                answer = await ada.post("/api/posts", json=POST)
                if answer.status_code == 201:
                    made.add(answer.json()["id"])
            answers[answer.status_code] += 1
            if answer.status_code == 503:
                assert_unavailable(answer)

    async def cut() -> None:
        while True:
            await sql.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'skytier-app'"
            )
            await asyncio.sleep(0.2)

    # Not what is limited here.
    app.state.services.local_hits.hit = nothing_counted
    cutting = asyncio.create_task(cut())
    async with asyncio.timeout(120):
        await asyncio.gather(*(write(number) for number in range(8)))
    cutting.cancel()
    await asyncio.gather(cutting, return_exceptions=True)

    assert set(answers) == {200, 201, 503}
    stored = {row["id"] for row in await sql.fetch("SELECT id FROM posts")}
    assert made <= stored


async def nothing_counted(_: str) -> tuple[int, int]:
    return 0, 0

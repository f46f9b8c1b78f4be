"""A database that has too much to do: whose request takes long is told so, and others are not."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from skytier_app.database import DatabaseBusy, StatementTimeout, open_database
from skytier_app.settings import Settings

from .conftest import NewVisitor, Serve, register, sign_in, write_post

TOO_LONG = "The database took too long over this request, and stopped it. Try again later."
BUSY = "The database has too much to do at the moment. Try again later."
# What one request among others may meet: its own statement fails, or takes too long.
SLOW_POSTS = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(60) WHERE NEW.title = 'slow';
        IF NEW.title = 'wrong' THEN RAISE 'wrong'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.fixture
def quick_settings(settings: Settings) -> Settings:
    settings.statement_timeout_s = 2  # of the others none takes so long, on a busy machine too
    return settings


@pytest.fixture
def patient_settings(settings: Settings) -> Settings:
    settings.statement_timeout_s = settings.pool_wait_s = 120
    return settings


async def test_posts_that_fail_leave_those_that_are_stored_with_them_alone(
    quick_settings: Settings, ada: httpx.AsyncClient, app: FastAPI, sql: Any
) -> None:
    await sql.execute(SLOW_POSTS)
    me = (await ada.get("/api/sessions")).json()["id"]
    titles = ["a", "slow", "b", "wrong", "c", "slow", "d", "e", "f", "g"]
    posts = app.state.services.changes
    made = await asyncio.gather(
        *(posts.create(me, title, "words") for title in titles), return_exceptions=True
    )
    for title, answer in zip(titles, made, strict=True):
        if title == "slow":
            assert isinstance(answer, StatementTimeout)
        elif title == "wrong":
            assert isinstance(answer, asyncpg.RaiseError)
        else:
            assert answer["title"] == title
    stored = await sql.fetch("SELECT title FROM posts ORDER BY title")
    assert [row["title"] for row in stored] == ["a", "b", "c", "d", "e", "f", "g"]


async def test_a_statement_that_takes_too_long_is_told_and_logged_as_that(
    serve: Serve, sql: Any
) -> None:
    with serve(SKYTIER_WORKERS="1", SKYTIER_STATEMENT_TIMEOUT_S="2") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            await register(client, "ada")
            await sign_in(client, "ada")
            await sql.execute(SLOW_POSTS)
            # By the hot route, and by the full one.
            path = f"/api/posts/{(await write_post(client))['id']}"
            answers = [
                await client.post("/api/posts", json={"title": "slow", "content": "x"}),
                await client.patch(path, json={"title": "slow"}),
            ]
            assert (await client.get(path)).status_code == 200
    for answer in answers:
        assert (answer.status_code, answer.json()["detail"]) == (503, TOO_LONG)
        assert answer.headers["Content-Type"] == "application/problem+json"
        lines = [json.loads(line) for line in served.log.read_text().splitlines() if "{" in line]
        (line,) = [
            line
            for line in lines
            if line.get("request_id") == answer.json()["request_id"] and line["level"] == "WARNING"
        ]
        assert "StatementTimeout: canceling statement due to statement timeout" in line["message"]


async def test_a_pool_whose_connections_are_all_in_use_is_told_as_busy(database_url: str) -> None:
    async with (
        open_database(database_url, pool_size=1, pool_wait_s=1, statement_timeout_s=20) as database,
        database.connection(),
    ):
        with pytest.raises(DatabaseBusy, match=r"no connection was free for 1 s"):
            await database.fetch("SELECT 1")
    assert DatabaseBusy.told == BUSY


async def test_however_many_change_one_post_all_others_are_answered(
    patient_settings: Settings,
    ada: httpx.AsyncClient,
    new_visitor: NewVisitor,
    client: httpx.AsyncClient,
    sql: Any,
) -> None:
    path = f"/api/posts/{(await write_post(ada))['id']}"
    async with asyncio.timeout(110):  # sooner than anything of the application gives up
        async with sql.transaction():
            await sql.execute("SELECT FROM posts FOR UPDATE")
            changes = [
                asyncio.create_task(ada.patch(path, json={"title": f"{n}"})) for n in range(24)
            ]
            grace = await new_visitor("grace")
            for _ in range(3):
                for address in (path, "/api/posts", "/api/posts?q=engines", "/health", "/"):
                    assert (await client.get(address)).status_code == 200
                assert await write_post(grace)
            assert not any(change.done() for change in changes)
        assert {(await change).status_code for change in changes} == {200}


async def test_a_share_is_for_so_many_at_once_and_the_rest_of_the_pool_stays_free(
    database_url: str,
) -> None:
    async with open_database(
        database_url, pool_size=4, pool_wait_s=1, statement_timeout_s=20
    ) as database:
        share = database.share(0.5)
        async with share.taken(), share.taken():
            with pytest.raises(DatabaseBusy):
                async with share.taken():
                    pass
            assert await database.fetchval("SELECT 1") == 1
        async with share.taken():
            pass

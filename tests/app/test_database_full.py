"""PostgreSQL has no connection left, since others hold all of them."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from pydantic import SecretStr

from skytier_app.database import DatabaseUnavailable, open_database
from skytier_app.health import report
from skytier_app.settings import Settings

from .conftest import client_of, running

SECONDS = {"pool_wait_s": 5, "statement_timeout_s": 5}


@pytest.fixture
async def url_for_one(
    database_url: str, sql: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[str]:
    """The test's database for somebody who may have one connection."""
    await sql.execute("CREATE ROLE one LOGIN CONNECTION LIMIT 1 IN ROLE pg_read_all_data")
    yield database_url.replace("skytier@", "one@")
    await sql.execute("DROP ROLE one")


async def test_health_waits_for_a_connection_that_others_hold_for_a_moment(
    settings: Settings, url_for_one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "TIMEOUT_S", 60)
    held = await asyncpg.connect(url_for_one)
    settings = settings.model_copy(update={"database_url": SecretStr(url_for_one)})
    async with running(settings) as app, client_of(app) as client:
        asked = [asyncio.create_task(client.get("/health")) for _ in range(8)]
        await asyncio.sleep(0.25)  # all of them were refused by now
        assert not any(task.done() for task in asked)
        await held.close()

        answers = await asyncio.gather(*asked)

    assert [answer.status_code for answer in answers] == [200] * 8


async def test_statements_take_turns_when_the_pool_gets_fewer_connections_than_it_may_have(
    url_for_one: str,
) -> None:
    async with open_database(url_for_one, pool_size=5, **SECONDS) as database:
        found = await asyncio.gather(
            *(database.fetchval("SELECT $1::int FROM pg_sleep(0.02)", n) for n in range(5))
        )

        assert found == [0, 1, 2, 3, 4]
        assert database.pool_state()["open"] == 1


async def test_a_wait_without_end_is_told_as_an_outage(url_for_one: str) -> None:
    held = await asyncpg.connect(url_for_one)
    try:
        async with open_database(
            url_for_one, pool_size=5, **SECONDS | {"pool_wait_s": 1}
        ) as database:
            with pytest.raises(DatabaseUnavailable, match="too many connections"):
                await database.fetchval("SELECT 1")
            assert database.waiting == 0
    finally:
        await held.close()

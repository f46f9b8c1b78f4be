"""Lists are read whole, page by page, whatever happens meanwhile."""

import re
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skytier_app.pagination import PageQuery, encode_cursor

from .conftest import write_post

# A few moments only, so that many rows share one.
moments = st.integers(0, 3).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n))


async def insert(sql: "asyncpg.Connection[asyncpg.Record]", moment: datetime) -> int:
    return await sql.fetchval(
        "INSERT INTO posts (user_id, title, content, created_at) "
        "SELECT min(id), 'title', 'content', $1 FROM users RETURNING id",
        moment,
    )


def next_page(answer: httpx.Response) -> str | None:
    link = answer.headers.get("Link")
    if link is None:
        return None
    found = re.fullmatch(r'<([^>]+)>; rel="next"', link)
    assert found, link
    return found[1]


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(moments, max_size=25),
    meanwhile=st.lists(st.lists(moments, max_size=3), max_size=30),
    limit=st.integers(1, 10),
)
async def test_no_row_is_missed_or_repeated_while_others_insert(
    ada: httpx.AsyncClient,
    sql: "asyncpg.Connection[asyncpg.Record]",
    before: list[datetime],
    meanwhile: list[list[datetime]],
    limit: int,
) -> None:
    await sql.execute("DELETE FROM posts")
    held = {await insert(sql, moment) for moment in before}
    seen: list[tuple[str, int]] = []
    page: str | None = f"/api/posts?limit={limit}"
    inserted = iter(meanwhile)
    while page is not None:
        answer = await ada.get(page)
        assert answer.status_code == 200
        rows = answer.json()
        assert len(rows) <= limit
        seen += [(row["created_at"], row["id"]) for row in rows]
        for moment in next(inserted, []):
            await insert(sql, moment)
        page = next_page(answer)
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen)
    assert held <= {row_id for _, row_id in seen}


async def test_the_next_page_keeps_author_search_and_limit(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    for n in range(5):
        post = await write_post(ada, f"Engine {n} & more")
    query = {"limit": 2, "user_id": post["user_id"], "q": "engine & more"}
    answer = await client.get("/api/posts", params=query)
    titles = [row["title"] for row in answer.json()]
    while page := next_page(answer):
        answer = await client.get(page)
        titles += [row["title"] for row in answer.json()]
    assert titles == [f"Engine {n} & more" for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(("posts", "more"), [(2, False), (3, True)])
async def test_there_is_a_next_page_only_when_there_is_more(
    ada: httpx.AsyncClient, posts: int, more: bool
) -> None:
    for _ in range(posts):
        await write_post(ada)
    answer = await ada.get("/api/posts?limit=2")
    assert len(answer.json()) == 2
    assert ("Link" in answer.headers) is more


async def test_users_are_listed_newest_first_page_by_page(
    client: httpx.AsyncClient, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await sql.execute(
        "INSERT INTO users (username, email, password_hash) "
        "SELECT 'user' || n, 'user' || n || '@example.org', '!' FROM generate_series(1, 25) AS n"
    )
    names: list[str] = []
    page: str | None = "/api/users?limit=10"
    while page is not None:
        answer = await client.get(page)
        names += [user["username"] for user in answer.json()]
        page = next_page(answer)
    assert names == [f"user{n}" for n in range(25, 0, -1)]


@given(
    moment=st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)),  # noqa: DTZ001
    row_id=st.integers(1, 2**63 - 1),
)
def test_a_cursor_names_its_row_exactly(moment: datetime, row_id: int) -> None:
    assert PageQuery(cursor=encode_cursor(moment, row_id)).position() == (moment, row_id)


@pytest.mark.parametrize(
    "cursor", ["x", "!!!!", "AAAA", "é" * 22, "A" * 23, "f" * 22, "' OR 1=1 --"]
)
async def test_a_cursor_of_somebody_elses_making_is_refused(
    client: httpx.AsyncClient, cursor: str
) -> None:
    answer = await client.get("/api/posts", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.cursor"


@pytest.mark.parametrize(("cursor", "found"), [("f" + "_" * 20 + "w", 1), ("g" + "A" * 21, 0)])
async def test_a_cursor_beyond_all_times_is_before_or_after_all(
    ada: httpx.AsyncClient, cursor: str, found: int
) -> None:
    await write_post(ada)
    answer = await ada.get("/api/posts", params={"cursor": cursor})
    assert (answer.status_code, len(answer.json())) == (200, found)

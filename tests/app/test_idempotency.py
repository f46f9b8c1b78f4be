"""A POST that is sent again with its Idempotency-Key does its work once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytier_app import idempotency
from skytier_app.housekeeping import sweep_expired
from skytier_app.idempotency import HEADER

from .conftest import PASSWORD, NewVisitor, Serve, client_of, register, running, sign_in

KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
POST = {"title": "On engines", "content": "They weave."}
GRACE = {"username": "grace", "email": "grace@example.org", "password": PASSWORD}
TOKEN = {"name": "laptop", "current_password": PASSWORD}
Sql = "asyncpg.Connection[asyncpg.Record]"


async def post(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], key: str | None = KEY
) -> httpx.Response:
    return await client.post(path, json=body, headers={HEADER: key} if key else {})


def said(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, headers, answer.content


async def test_every_operation_that_creates_takes_a_key_and_answers_a_repetition_the_same(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    creating = {
        path
        for path, item in app.openapi()["paths"].items()
        if "201" in item.get("post", {}).get("responses", {}) and path != "/api/sessions"
    }
    bodies = {"/api/posts": POST, "/api/users": GRACE, "/api/tokens": TOKEN}
    assert creating == set(bodies)
    for path, body in bodies.items():
        first = await post(ada, path, body)
        assert first.status_code == 201
        assert said(await post(ada, path, body)) == said(first)
        # A key is one text, with its quotes and without.
        assert said(await post(ada, path, body, KEY.strip('"'))) == said(first)
    assert len((await ada.get("/api/posts")).json()) == 1
    assert len((await ada.get("/api/users")).json()) == 2
    assert len((await ada.get("/api/tokens")).json()) == 1


async def test_a_key_used_for_another_request_is_refused(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    for path, body, other in (
        ("/api/posts", POST, {"title": "Other"}),
        ("/api/tokens", TOKEN, {"name": "phone"}),
        ("/api/users", GRACE, {"username": "hopper"}),
        ("/api/users", GRACE, {"password": "another private sentence"}),
    ):
        assert (await post(ada, path, body)).status_code == 201
        refused = await post(ada, path, body | other)
        assert refused.status_code == 422
        assert HEADER in refused.json()["detail"]
        reordered = dict(reversed(body.items()))
        assert (await post(ada, path, reordered)).status_code == 201


async def test_the_same_key_of_another_account_or_route_is_another_key(
    new_visitor: NewVisitor, ada: httpx.AsyncClient
) -> None:
    grace = await new_visitor("grace")
    made = {(await post(one, "/api/posts", POST)).json()["id"] for one in (ada, grace)}
    assert len(made) == 2
    assert (await post(ada, "/api/tokens", TOKEN)).status_code == 201


async def test_a_repetition_is_answered_as_the_first_though_the_post_has_changed_since(
    ada: httpx.AsyncClient,
) -> None:
    first = await post(ada, "/api/posts", POST)
    await ada.patch(first.headers["Location"], json={"title": "Changed"})
    assert said(await post(ada, "/api/posts", POST)) == said(first)
    await ada.delete(first.headers["Location"])
    assert said(await post(ada, "/api/posts", POST)) == said(first)
    assert (await ada.get("/api/posts")).json() == []


async def test_an_error_is_not_kept(ada: httpx.AsyncClient) -> None:
    assert (await post(ada, "/api/posts", {"title": ""})).status_code == 422
    assert (await post(ada, "/api/tokens", TOKEN, None)).status_code == 201
    assert (await post(ada, "/api/tokens", TOKEN)).status_code == 409
    listed = (await ada.get("/api/tokens")).json()
    await ada.delete(f"/api/tokens/{listed[0]['id']}")
    assert (await post(ada, "/api/tokens", TOKEN)).status_code == 201
    assert (await post(ada, "/api/posts", POST)).status_code == 201


@pytest.mark.parametrize(
    "keys", [[""], ['"'], ['""'], ["a b"], ['"a'], ["é"], ["x" * 256], ['"a";p=1'], ["a", "a"]]
)
async def test_a_key_of_the_wrong_form_is_refused(ada: httpx.AsyncClient, keys: list[str]) -> None:
    headers = [(HEADER.encode(), key.encode()) for key in keys]
    answer = await ada.post("/api/posts", json=POST, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == f"header.{HEADER}"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.tuples(st.from_regex(idempotency.PATTERN, fullmatch=True), st.integers(0, 1)),
    second=st.tuples(st.from_regex(idempotency.PATTERN, fullmatch=True), st.integers(0, 1)),
)
async def test_two_requests_are_one_only_with_the_same_key_and_content(
    ada: httpx.AsyncClient, sql: Any, first: tuple[str, int], second: tuple[str, int]
) -> None:
    await sql.execute("DELETE FROM idempotency_keys")
    answers = [
        await post(ada, "/api/posts", POST | {"title": f"On {number}"}, key)
        for key, number in (first, second, first)
    ]
    assert said(answers[0]) == said(answers[2])
    if first[0].strip('"') != second[0].strip('"'):
        assert answers[1].json()["id"] != answers[0].json()["id"]
    elif first[1] == second[1]:
        assert said(answers[1]) == said(answers[0])
    else:
        assert answers[1].status_code == 422


async def test_while_the_first_is_under_way_the_second_is_told_to_wait(
    settings: Any, ada: httpx.AsyncClient, sql: Any
) -> None:
    async with running(settings) as other, client_of(other, cookies=ada.cookies) as elsewhere:
        # Who inserts a post waits for this lock, and its transaction stays open.
        async with sql.transaction():
            await sql.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
            first = asyncio.create_task(post(ada, "/api/posts", POST))
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
            while await sql.fetchval(waiting) == 0:
                await asyncio.sleep(0.01)
            for worker in (ada, elsewhere):
                second = await post(worker, "/api/posts", POST)
                assert second.status_code == 409
                assert second.headers["Retry-After"] == "1"
        assert (await first).status_code == 201
        assert said(await post(elsewhere, "/api/posts", POST)) == said(await first)


async def test_of_many_at_once_on_several_workers_one_does_the_work(serve: Serve, sql: Any) -> None:
    with serve(SKYTIER_WORKERS="2") as served:
        async with httpx.AsyncClient(base_url=served.url) as ada:
            await register(ada, "ada")
            await sign_in(ada, "ada")
            answers = await asyncio.gather(*(post(ada, "/api/posts", POST) for _ in range(20)))
            last = await post(ada, "/api/posts", POST)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.content for answer in answers if answer.status_code == 201} == {last.content}
    assert await sql.fetchval("SELECT count(*) FROM posts") == 1


async def test_what_is_rolled_back_leaves_no_answer_and_no_post(
    ada: httpx.AsyncClient, sql: Any
) -> None:
    await sql.execute("ALTER TABLE idempotency_keys ADD CHECK (false) NOT VALID")
    assert (await post(ada, "/api/posts", POST)).status_code == 500
    assert await sql.fetchval("SELECT count(*) FROM posts") == 0
    await sql.execute("ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_check")
    assert (await post(ada, "/api/posts", POST)).status_code == 201


async def test_neither_a_token_nor_a_password_nor_a_key_is_stored(
    ada: httpx.AsyncClient, sql: Any
) -> None:
    token = (await post(ada, "/api/tokens", TOKEN)).json()["token"]
    await post(ada, "/api/users", GRACE)
    rows = [row for table in ("idempotency_keys", "api_tokens", "users")
            for row in await sql.fetch(f"SELECT * FROM {table}")]  # fmt: skip
    stored = b"".join(
        value if isinstance(value, bytes) else str(value).encode()
        for row in rows
        for value in row.values()
    )
    assert len(rows) == 5
    for secret in (token, token.removeprefix("skytier_"), PASSWORD, KEY.strip('"')):
        assert secret.encode() not in stored


async def test_the_value_of_a_token_is_told_again_only_to_who_made_it_and_while_it_is_valid(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    first = await post(ada, "/api/tokens", TOKEN)
    await sign_in(client, "ada")
    elsewhere = await post(client, "/api/tokens", TOKEN)
    assert elsewhere.status_code == 409
    assert f"token {first.json()['id']}" in elsewhere.json()["detail"]
    assert said(await post(ada, "/api/tokens", TOKEN)) == said(first)
    await ada.delete(first.headers["Location"])
    assert (await post(ada, "/api/tokens", TOKEN)).status_code == 409


async def test_answers_end_and_only_so_many_of_a_user_are_kept(
    app: FastAPI, ada: httpx.AsyncClient, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "MOST_OF_USER", 3)
    for n in range(5):
        assert (await post(ada, "/api/posts", POST, f"key-{n}")).status_code == 201
    assert await sql.fetchval("SELECT count(*) FROM idempotency_keys") == 3
    first = await post(ada, "/api/posts", POST, "key-4")
    age = "UPDATE idempotency_keys SET created_at = created_at - $1::interval"
    await sql.execute(age, timedelta(hours=23))
    assert said(await post(ada, "/api/posts", POST, "key-4")) == said(first)
    await sql.execute(age, timedelta(hours=1, minutes=1))
    again = await post(ada, "/api/posts", POST | {"title": "Anew"}, "key-4")
    assert again.json()["id"] != first.json()["id"]
    await sweep_expired(app.state.services.database, timedelta(days=90))
    assert await sql.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_the_answers_of_a_user_who_is_gone_are_gone(ada: httpx.AsyncClient, sql: Any) -> None:
    me = (await ada.get("/api/sessions")).json()
    await post(ada, "/api/posts", POST)
    await sql.execute("DELETE FROM users WHERE id = $1", me["id"])
    assert await sql.fetchval("SELECT count(*) FROM idempotency_keys") == 0

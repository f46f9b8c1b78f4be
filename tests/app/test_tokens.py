"""/api/tokens"""

import asyncio
import re
from datetime import datetime, timedelta

import httpx
import pytest

from skytier_app.secret_token import token_hash

from .conftest import (
    NewClient,
    NewVisitor,
    make_token,
    until_one_waits_for_a_lock,
    write_post,
)


async def test_a_token_signs_in_until_it_is_revoked(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await make_token(ada)
    assert made.status_code == 201
    token = made.json()
    assert made.headers["Location"] == f"/api/tokens/{token['id']}"
    client.headers["Authorization"] = f"Bearer {token['token']}"
    assert (await client.get("/api/sessions")).json()["username"] == "ada"
    assert (await write_post(client))["username"] == "ada"
    listed = (await ada.get("/api/tokens")).json()
    assert [(item["id"], item["name"]) for item in listed] == [(token["id"], "laptop")]
    assert listed[0]["last_used_at"] is not None
    assert token["token"] not in str(listed)
    assert (await ada.get(made.headers["Location"])).json() == listed[0]
    assert (await ada.delete(made.headers["Location"])).status_code == 204
    assert (await client.get("/api/sessions")).status_code == 401
    assert (await ada.delete(made.headers["Location"])).status_code == 404


async def test_tokens_shown_at_the_same_time_are_each_their_owners(
    new_visitor: NewVisitor, client: httpx.AsyncClient
) -> None:
    names = ("ada", "grace", "jean")
    visitors = [await new_visitor(name) for name in names]
    tokens = [(await make_token(visitor)).json()["token"] for visitor in visitors]

    answers = await asyncio.gather(
        *(
            client.get("/api/sessions", headers={"Authorization": f"Bearer {token}"})
            for token in [*tokens, "wrong", *tokens]
        )
    )

    assert [answer.json().get("username") for answer in answers] == [*names, None, *names]
    assert answers[3].status_code == 401


async def test_only_a_hash_of_the_token_is_stored(ada: httpx.AsyncClient, sql) -> None:
    token = (await make_token(ada)).json()["token"]
    held = await sql.fetchrow("SELECT * FROM api_tokens")
    assert len(held["token_hash"]) == 32
    assert token not in str(held)


async def test_two_tokens_of_one_name_are_refused(ada: httpx.AsyncClient) -> None:
    assert (await make_token(ada)).status_code == 201
    assert (await make_token(ada)).status_code == 409


async def test_there_is_an_end_to_tokens_also_for_those_made_at_once(
    ada: httpx.AsyncClient, sql
) -> None:
    await sql.execute(
        "INSERT INTO api_tokens (user_id, name, token_hash) "
        "SELECT id, n::text, sha256(n::text::bytea) FROM users, generate_series(1, 97) AS n"
    )
    answers = await asyncio.gather(*(make_token(ada, f"number {n}") for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert await sql.fetchval("SELECT count(*) FROM api_tokens") == 100


async def test_a_token_that_may_only_read_changes_nothing(
    ada: httpx.AsyncClient, new_client: NewClient
) -> None:
    """Decided by the method, whatever the address: every operation of the document is asked."""
    made = await make_token(ada, scope="read")
    assert made.json()["scope"] == "read"
    program = new_client()
    program.headers["Authorization"] = f"Bearer {made.json()['token']}"
    assert (await program.get("/api/sessions")).json()["username"] == "ada"
    asked = 0
    for path, operations in (await program.get("/openapi.json")).json()["paths"].items():
        for method in operations.keys() & {"post", "put", "patch", "delete"}:
            for known in re.findall("{(.*?)}", path):
                path = path.replace(
                    f"{{{known}}}", "0" * 31 + "1" if known == "session_id" else "1"
                )
            answer = await program.request(method, path, json={})
            assert answer.status_code == 403, (method, path, answer.text)
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
            asked += 1
    assert asked >= 12


async def test_a_token_ends_when_its_time_is_over(ada: httpx.AsyncClient, sql) -> None:
    made = (await make_token(ada, expires_in_days=30)).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lasts == timedelta(days=30)
    assert (await ada.get("/api/sessions", headers=bearer)).status_code == 200
    await sql.execute("UPDATE api_tokens SET expires_at = now()")
    assert (await ada.get("/api/sessions", headers=bearer)).status_code == 401
    # It is still listed, so that its user sees why a program does not work any more.
    assert [token["name"] for token in (await ada.get("/api/tokens")).json()] == ["laptop"]


async def test_a_token_of_an_older_release_goes_on_working(ada: httpx.AsyncClient, sql) -> None:
    await sql.execute(
        "INSERT INTO api_tokens (user_id, name, token_hash) SELECT id, 'old', $1 FROM users",
        token_hash("skytier_old"),
    )
    bearer = {"Authorization": "Bearer skytier_old"}
    body = {"title": "On engines", "content": "They weave."}
    assert (await ada.post("/api/posts", json=body, headers=bearer)).status_code == 201
    (old,) = (await ada.get("/api/tokens")).json()
    assert (old["scope"], old["expires_at"]) == ("write", None)


@pytest.mark.parametrize("change", [{"scope": "all"}, {"expires_in_days": -1}, {"name": ""}])
async def test_a_wrong_token_is_refused_and_names_the_field(
    ada: httpx.AsyncClient, change: dict[str, object]
) -> None:
    answer = await make_token(ada, **({"name": "laptop"} | change))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"body.{next(iter(change))}"


async def test_a_token_confirmed_by_a_password_that_is_being_changed_is_not_made(
    ada: httpx.AsyncClient, sql, other_sql
) -> None:
    async with sql.transaction():
        await sql.execute("UPDATE users SET password_hash = 'another'")
        making = asyncio.create_task(make_token(ada))
        await until_one_waits_for_a_lock(other_sql)
    assert (await making).status_code == 403
    assert await sql.fetchval("SELECT count(*) FROM api_tokens") == 0


async def test_nobody_sees_or_revokes_a_token_of_another(
    ada: httpx.AsyncClient, new_visitor: NewVisitor
) -> None:
    path = (await make_token(ada)).headers["Location"]
    grace = await new_visitor("grace")
    assert (await grace.get("/api/tokens")).json() == []
    assert (await grace.get(path)).status_code == 404
    assert (await grace.delete(path)).status_code == 404
    assert (await ada.get(path)).status_code == 200


@pytest.mark.parametrize("value", ["Bearer made-up", "Bearer", "bearer x", "Bearer \xff"])
async def test_a_wrong_token_is_refused_even_with_a_good_cookie(
    ada: httpx.AsyncClient, value: str
) -> None:
    answer = await ada.get("/api/sessions", headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value", ["Basic YTpi", "basic", "Digest username=a", "Negotiate abc", "", "Bearer_ x", "\xff"]
)
async def test_an_authorization_of_another_scheme_is_not_ours(
    ada: httpx.AsyncClient, client: httpx.AsyncClient, value: str
) -> None:
    headers = {"Authorization": value.encode("latin-1")}
    for path in ("/", "/sign-in", "/api/posts"):
        assert (await client.get(path, headers=headers)).status_code == 200
    assert (await client.get("/api/sessions", headers=headers)).status_code == 401
    assert (await ada.get("/api/sessions", headers=headers)).status_code == 200
    body = {"title": "On engines", "content": "They weave."}
    assert (await ada.post("/api/posts", json=body, headers=headers)).status_code == 201

"""/api/sessions and /api/tokens, with each place that sessions live in."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from .conftest import PASSWORD, NewVisitor, client_of, register, running, sign_in, write_post

pytestmark = pytest.mark.usefixtures("store")


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(
    client: httpx.AsyncClient,
) -> None:
    await register(client, "ada")
    answer = await sign_in(client, "ADA")
    assert answer.headers["Location"] == "/api/sessions"
    assert answer.json()["username"] == "ada"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    me = await client.get("/api/sessions")
    assert me.status_code == 200
    assert me.json()["email"] == "ada@example.org"


async def test_behind_tls_the_cookie_is_secure_and_the_browser_comes_by_tls_again(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://skytier.test"
    ) as behind_tls:
        await register(behind_tls, "ada")
        assert "Secure" in (await sign_in(behind_tls, "ada")).headers["Set-Cookie"]
        for path in ("/", "/api/posts", "/nothing"):
            hsts = (await behind_tls.get(path)).headers["Strict-Transport-Security"]
            assert hsts.startswith("max-age=")
    assert "Secure" not in (await sign_in(client, "ada")).headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in (await client.get("/")).headers


@pytest.mark.parametrize(
    ("username", "password"), [("ada", "not the password"), ("nobody", PASSWORD)]
)
async def test_a_wrong_name_or_password_is_refused_with_the_same_words(
    client: httpx.AsyncClient, username: str, password: str
) -> None:
    await register(client, "ada")
    body = {"username": username, "password": password}
    answer = await client.post("/api/sessions", json=body)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The username or the password is wrong."
    assert "Set-Cookie" not in answer.headers


async def test_after_signing_out_the_old_cookie_is_worth_nothing(ada: httpx.AsyncClient) -> None:
    cookie = ada.cookies["skytier_session"]
    assert (await ada.delete("/api/sessions")).status_code == 204
    assert "skytier_session" not in ada.cookies
    ada.cookies.set("skytier_session", cookie)
    assert (await ada.get("/api/sessions")).status_code == 401


async def test_signing_out_ends_this_session_only(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await sign_in(client, "ada")
    assert (await client.delete("/api/sessions")).status_code == 204
    assert (await ada.get("/api/sessions")).status_code == 200


async def test_signing_out_without_a_session_does_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/api/sessions")).status_code == 204


async def test_an_unknown_cookie_is_a_stranger(client: httpx.AsyncClient) -> None:
    client.cookies.set("skytier_session", "made-up")
    assert (await client.get("/api/sessions")).status_code == 401
    assert (await client.get("/api/posts")).status_code == 200


async def test_a_session_ends_when_its_time_is_over(
    app: FastAPI, ada: httpx.AsyncClient, store: str, sql, redis_url: str
) -> None:
    if store == "redis":
        redis = Redis.from_url(redis_url)
        (name,) = [key async for key in redis.scan_iter("session:*")]
        assert 13 * 86400 < await redis.ttl(name) <= 14 * 86400
        await redis.pexpire(name, 1)
        while await redis.exists(name):
            pass
        await redis.aclose()
    else:
        await sql.execute("UPDATE sessions SET expires_at = now()")
    assert (await ada.get("/api/sessions")).status_code == 401


async def test_only_a_hash_of_the_session_is_stored(
    ada: httpx.AsyncClient, store: str, sql, redis_url: str
) -> None:
    token = ada.cookies["skytier_session"]
    if store == "redis":
        redis = Redis.from_url(redis_url)
        held = str([key async for key in redis.scan_iter("*")])
        await redis.aclose()
        assert "session:" in held
    else:
        held = str(await sql.fetch("SELECT * FROM sessions"))
        assert "token_hash" in held
    assert token not in held


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://other.skytier.test"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://skytier.test", "Sec-Fetch-Site": "same-origin"}, 201),
        ({}, 201),
    ],
)
async def test_a_page_of_another_site_cannot_use_the_session(
    ada: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    body = {"title": "Mine", "content": "Not yours."}
    assert (await ada.post("/api/posts", json=body, headers=headers)).status_code == status


async def test_a_form_of_another_site_signs_nobody_in(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    # What a browser sends across sites without asking first.
    body = '{"username": "ada", "password": "' + PASSWORD + '"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await client.post("/api/sessions", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415
        assert "Set-Cookie" not in answer.headers
    answer = await client.post("/api/sessions", content=body)
    assert answer.status_code == 415


async def test_a_token_signs_in_until_it_is_revoked(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await ada.post("/api/tokens", json={"name": "laptop"})
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
    tokens = [
        (await visitor.post("/api/tokens", json={"name": "laptop"})).json()["token"]
        for visitor in visitors
    ]

    answers = await asyncio.gather(
        *(
            client.get("/api/sessions", headers={"Authorization": f"Bearer {token}"})
            for token in [*tokens, "wrong", *tokens]
        )
    )

    assert [answer.json().get("username") for answer in answers] == [*names, None, *names]
    assert answers[3].status_code == 401


async def test_only_a_hash_of_the_token_is_stored(ada: httpx.AsyncClient, sql) -> None:
    token = (await ada.post("/api/tokens", json={"name": "laptop"})).json()["token"]
    held = await sql.fetchrow("SELECT * FROM api_tokens")
    assert len(held["token_hash"]) == 32
    assert token not in str(held)


async def test_two_tokens_of_one_name_are_refused(ada: httpx.AsyncClient) -> None:
    assert (await ada.post("/api/tokens", json={"name": "laptop"})).status_code == 201
    assert (await ada.post("/api/tokens", json={"name": "laptop"})).status_code == 409


async def test_there_is_an_end_to_tokens(ada: httpx.AsyncClient) -> None:
    statuses = [
        (await ada.post("/api/tokens", json={"name": f"number {n}"})).status_code
        for n in range(101)
    ]
    assert statuses == [201] * 100 + [409]


async def test_nobody_sees_or_revokes_a_token_of_another(
    ada: httpx.AsyncClient, new_visitor: NewVisitor
) -> None:
    path = (await ada.post("/api/tokens", json={"name": "laptop"})).headers["Location"]
    grace = await new_visitor("grace")
    assert (await grace.get("/api/tokens")).json() == []
    assert (await grace.get(path)).status_code == 404
    assert (await grace.delete(path)).status_code == 404
    assert (await ada.get(path)).status_code == 200


@pytest.mark.parametrize("value", ["Bearer made-up", "Bearer", "Basic YTpi", "", "Bearer \xff"])
async def test_a_wrong_authorization_is_refused_even_with_a_good_cookie(
    ada: httpx.AsyncClient, value: str
) -> None:
    answer = await ada.get("/api/sessions", headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_attempts_are_limited_for_each_address(store: str, settings) -> None:
    settings.failed_sign_ins_per_minute = 3
    settings.registrations_per_minute = 2
    async with running(settings) as app, running(settings) as other_worker:
        near = client_of(app)
        far = client_of(other_worker)
        await register(near, "ada")
        await register(far, "grace")
        body = {"username": "eve", "email": "eve@example.org", "password": PASSWORD}
        refused = await near.post("/api/users", json=body)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        for _ in range(5):
            await sign_in(near, "ada")  # what goes well does not count
        wrong = {"username": "ada", "password": "not the password"}
        statuses = [
            (await client.post("/api/sessions", json=wrong)).status_code
            for client in (near, far, near, far)
        ]
        assert statuses == [401, 401, 401, 429]
        elsewhere = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("192.0.2.7", 1)),
            base_url="http://skytier.test",
        )
        assert (await elsewhere.post("/api/sessions", json=wrong)).status_code == 401

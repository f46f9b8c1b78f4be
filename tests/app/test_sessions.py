"""/api/sessions."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from skytier_app.clients import NO_CLIENT
from skytier_app.database import DatabaseUnavailable
from skytier_app.secret_token import token_hash
from skytier_app.sessions.store import session_id
from skytier_app.settings import Settings

from .conftest import (
    PASSWORD,
    NewClient,
    NewVisitor,
    change_password,
    register,
    running,
    sign_in,
    until_one_waits_for_a_lock,
)


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


async def test_a_session_ends_when_its_time_is_over(ada: httpx.AsyncClient, sql) -> None:
    await sql.execute("UPDATE sessions SET expires_at = now()")
    assert (await ada.get("/api/sessions")).status_code == 401


async def test_only_a_hash_of_the_session_is_stored(ada: httpx.AsyncClient, sql) -> None:
    token = ada.cookies["skytier_session"]
    held = str(await sql.fetch("SELECT * FROM sessions"))
    assert "token_hash" in held
    assert token not in held


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


async def test_what_says_who_one_is_is_kept_by_nobody(ada: httpx.AsyncClient) -> None:
    body = {"username": "ada", "password": PASSWORD}
    wrong = body | {"password": "not the password"}
    answers = [
        await ada.get("/api/sessions"),
        await ada.post("/api/sessions", json=wrong),
        await ada.post("/api/sessions", json=body),
        await ada.delete("/api/sessions"),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 201, 204]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


async def test_behind_tls_the_cookie_s_name_keeps_other_hosts_from_setting_it(
    new_client: NewClient,
) -> None:
    client = new_client(site="https://skytier.test")
    await register(client, "ada")
    cookie = (await sign_in(client, "ada")).headers["Set-Cookie"]
    assert cookie.startswith("__Host-skytier_session=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert (await client.get("/api/sessions")).status_code == 200
    # It counts before one that a neighbour or plain HTTP may have set.
    client.cookies.set("skytier_session", "planted", domain="skytier.test")
    assert (await client.get("/api/sessions")).status_code == 200
    assert (await client.delete("/api/sessions")).status_code == 204
    assert dict(client.cookies) == {}


async def test_a_session_of_an_older_release_goes_on_behind_tls(
    ada: httpx.AsyncClient, new_client: NewClient
) -> None:
    client = new_client(site="https://skytier.test")
    client.cookies.set("skytier_session", ada.cookies["skytier_session"])
    assert (await client.get("/api/sessions")).status_code == 200
    assert (await client.delete("/api/sessions")).status_code == 204
    assert (await ada.get("/api/sessions")).status_code == 401


async def test_a_session_as_an_older_release_stores_it_works_and_is_listed(
    client: httpx.AsyncClient, sql
) -> None:
    user_id = (await register(client, "ada"))["id"]
    hashed = token_hash("old")
    await sql.execute(
        "INSERT INTO sessions (token_hash, user_id, expires_at) VALUES ($1, $2, now() + $3)",
        *(hashed, user_id, timedelta(seconds=1000)),
    )
    client.cookies.set("skytier_session", "old")
    assert (await client.get("/api/sessions")).json()["username"] == "ada"
    (listed,) = (await client.get(f"/api/users/{user_id}/sessions")).json()
    assert (listed["id"], listed["is_this"]) == (session_id("old"), True)
    assert (listed["address"], listed["user_agent"]) == (None, None)


async def test_ones_sessions_are_listed_and_end_singly(
    ada: httpx.AsyncClient, new_client: NewClient
) -> None:
    telephone, laptop = new_client("192.0.2.7"), new_client("2001:db8::1")
    telephone.headers["User-Agent"] = "A telephone\x00" + "x" * 500
    for client in (telephone, laptop):
        await sign_in(client, "ada")
    path = f"/api/users/{(await ada.get('/api/sessions')).json()['id']}/sessions"

    listed = (await ada.get(path)).json()

    assert [session["address"] for session in listed] == ["2001:db8::1", "192.0.2.7", "127.0.0.1"]
    assert [session["is_this"] for session in listed] == [False, False, True]
    assert listed[1]["user_agent"] == ("A telephone" + "x" * 500)[:200]
    assert listed[0]["created_at"] < listed[0]["expires_at"]
    assert telephone.cookies["skytier_session"] not in str(listed)
    ended = f"{path}/{listed[1]['id']}"
    assert (await ada.delete(ended)).status_code == 204
    assert (await telephone.get("/api/sessions")).status_code == 401
    assert (await laptop.get("/api/sessions")).status_code == 200
    assert [session["id"] for session in (await ada.get(path)).json()] == [
        listed[0]["id"],
        listed[2]["id"],
    ]
    assert (await ada.delete(ended)).status_code == 404


async def test_nobody_sees_or_ends_a_session_of_another(
    ada: httpx.AsyncClient, new_visitor: NewVisitor
) -> None:
    path = f"/api/users/{(await ada.get('/api/sessions')).json()['id']}/sessions"
    (session,) = (await ada.get(path)).json()
    grace = await new_visitor("grace")
    own = f"/api/users/{(await grace.get('/api/sessions')).json()['id']}/sessions"
    assert (await grace.get(path)).status_code == 403
    assert (await grace.get("/api/users/999999/sessions")).status_code == 404
    assert (await grace.delete(f"{path}/{session['id']}")).status_code == 403
    assert (await grace.delete(f"{own}/{session['id']}")).status_code == 404
    assert (await grace.delete(f"{own}/{session['id'][:-1]}")).status_code == 422
    assert (await ada.get("/api/sessions")).status_code == 200


async def test_the_oldest_session_ends_when_there_are_too_many(
    settings: Settings, new_client: NewClient
) -> None:
    settings.sessions_per_account = 3
    async with running(settings) as app:
        clients = [new_client(to=app) for _ in range(5)]
        await register(clients[0], "ada")
        for client in clients:
            await sign_in(client, "ada")
        statuses = [(await client.get("/api/sessions")).status_code for client in clients]
        assert statuses == [401, 401, 200, 200, 200]


@pytest.mark.parametrize(("most", "begun"), [(1, 6), (3, 8)])
async def test_there_is_an_end_to_sessions_also_for_those_begun_at_once(
    settings: Settings, new_client: NewClient, sql, most: int, begun: int
) -> None:
    settings.sessions_per_account = most
    async with running(settings) as app, running(settings) as other_worker:
        await register(new_client(to=app), "ada")
        clients = [new_client(to=(app, other_worker)[number % 2]) for number in range(begun)]
        await asyncio.gather(*(sign_in(client, "ada") for client in clients))
        assert await sql.fetchval("SELECT count(*) FROM sessions") == most
        answers = [await client.get("/api/sessions") for client in clients]
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(200), statuses.count(401)) == (most, begun - most)


async def test_a_sign_in_under_way_while_the_password_changes_gets_no_session(
    ada: httpx.AsyncClient, new_client: NewClient
) -> None:
    late = [new_client() for _ in range(6)]
    body = {"username": "ada", "password": PASSWORD}

    *answers, _ = await asyncio.gather(
        *(client.post("/api/sessions", json=body) for client in late),
        change_password(ada, "another private sentence"),
    )

    assert {answer.status_code for answer in answers} <= {201, 401}
    for client in late:
        assert (await client.get("/api/sessions")).status_code == 401
    me = (await ada.get("/api/sessions")).json()
    assert len((await ada.get(f"/api/users/{me['id']}/sessions")).json()) == 1


@pytest.mark.parametrize(
    "meanwhile", ["UPDATE users SET password_hash = 'another'", "DELETE FROM users"]
)
async def test_a_session_waits_for_a_change_of_the_password_or_of_the_user_and_is_refused(
    client: httpx.AsyncClient, sql, other_sql, meanwhile: str
) -> None:
    await register(client, "ada")
    async with sql.transaction():
        await sql.execute(meanwhile)
        body = {"username": "ada", "password": PASSWORD}
        signing_in = asyncio.create_task(client.post("/api/sessions", json=body))
        await until_one_waits_for_a_lock(other_sql)
    answer = await signing_in
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The username or the password is wrong."
    assert "Set-Cookie" not in answer.headers


async def test_no_session_is_left_of_a_sign_in_that_came_too_late(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    user_id = (await register(client, "ada"))["id"]
    sessions = app.state.services.sessions
    assert await sessions.create(user_id, "the hash of before", NO_CLIENT) is None
    assert await sessions.create(user_id + 1, "the hash of nobody", NO_CLIENT) is None
    assert await sessions.of_user(user_id) == []


async def test_a_password_is_not_changed_when_its_sessions_cannot_be_ended(
    ada: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(app.state.services.sessions, "end_all", away)
    me = (await ada.get("/api/sessions")).json()
    body = {"password": "another private sentence", "current_password": PASSWORD}
    assert (await ada.patch(f"/api/users/{me['id']}", json=body)).status_code == 503
    await sign_in(ada, "ada")

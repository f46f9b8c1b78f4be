"""The security log of an account."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from skytier_app.clients import Client
from skytier_app.housekeeping import sweep_expired
from skytier_app.security_log import events
from skytier_app.security_log.events import Kind, record

from .conftest import (
    PASSWORD,
    NewClient,
    NewVisitor,
    change_password,
    make_token,
    register,
    sign_in,
    until_one_waits_for_a_lock,
    write_post,
)

HERE = Client("192.0.2.7", "A program")


async def path_of(client: httpx.AsyncClient) -> str:
    return f"/api/users/{(await client.get('/api/sessions')).json()['id']}"


async def log_of(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get(f"{await path_of(client)}/events?limit=100")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_what_happens_to_an_account_is_in_its_log(
    client: httpx.AsyncClient, new_client: NewClient
) -> None:
    await register(client, "ada")
    eve = new_client("192.0.2.66")
    wrong = {"username": "ada", "password": "not the password"}
    assert (await eve.post("/api/sessions", json=wrong)).status_code == 401
    client.headers["User-Agent"] = "Ada's browser"
    for _ in range(2):
        await sign_in(client, "ada")
    path = await path_of(client)
    sessions = (await client.get(f"{path}/sessions")).json()
    await client.delete(f"{path}/sessions/{sessions[1]['id']}")
    token = (await make_token(client)).headers["Location"]
    await client.delete(token)
    change = {"username": "lovelace", "email": "al@example.org", "current_password": PASSWORD}
    await client.patch(path, json=change)
    await client.patch(path, json=change | {"current_password": "not the password"})
    await change_password(client, "another private sentence")
    await client.delete("/api/sessions")
    await sign_in(client, "lovelace", "another private sentence")

    log = await log_of(client)

    assert [(event["kind"], event["subject"]) for event in reversed(log)] == [
        ("sign_in_failed", None),
        ("signed_in", None),
        ("signed_in", None),
        ("session_ended", None),
        ("token_created", "laptop"),
        ("token_revoked", "laptop"),
        ("username_changed", "lovelace"),
        ("email_changed", None),
        ("password_refused", None),
        ("password_changed", None),
        ("signed_out", None),
        ("signed_in", None),
    ]
    assert log[-1]["address"] == "192.0.2.66"
    assert {event["user_agent"] for event in log[:-1]} == {"Ada's browser"}
    for secret in (PASSWORD, "not the password", "another private sentence", "skytier_"):
        assert secret not in str(log)


async def test_an_administrator_s_edits_are_in_the_author_s_log_and_in_their_own(
    ada: httpx.AsyncClient, new_visitor: NewVisitor, sql
) -> None:
    grace, jean = await new_visitor("grace"), await new_visitor("jean")
    await sql.execute("UPDATE users SET is_admin = true WHERE username = 'grace'")
    first, second = [(await write_post(ada))["id"] for _ in range(2)]
    await grace.patch(f"/api/posts/{first}", json={"title": "On looms"})
    await grace.delete(f"/api/posts/{second}")
    own = (await write_post(grace))["id"]
    await grace.delete(f"/api/posts/{own}")
    gone = await path_of(jean)
    await grace.request("DELETE", gone, json={"current_password": PASSWORD})

    def edits(log: list[dict[str, Any]]) -> list[tuple[str, str, str | None, str | None]]:
        return [
            (event["kind"], event["subject"], event["actor"], event["address"])
            for event in reversed(log)
            if event["kind"] != "signed_in"
        ]

    assert edits(await log_of(ada)) == [
        ("post_changed", f"/posts/{first}", "grace", None),
        ("post_deleted", f"/posts/{second}", "grace", None),
    ]
    assert edits(await log_of(grace)) == [
        ("post_changed", f"/posts/{first}", None, "127.0.0.1"),
        ("post_deleted", f"/posts/{second}", None, "127.0.0.1"),
        ("user_deleted", "jean", None, "127.0.0.1"),
    ]


async def test_nobody_reads_the_log_of_another_also_no_administrator(
    ada: httpx.AsyncClient, new_visitor: NewVisitor, client: httpx.AsyncClient, sql
) -> None:
    path = f"{await path_of(ada)}/events"
    grace = await new_visitor("grace")
    await sql.execute("UPDATE users SET is_admin = true WHERE username = 'grace'")
    assert (await grace.get(path)).status_code == 403
    assert (await client.get(path)).status_code == 401
    assert (await grace.get("/api/users/999999/events")).status_code == 404


async def test_the_log_is_read_page_by_page(ada: httpx.AsyncClient, app: FastAPI) -> None:
    path = await path_of(ada)
    database, user_id = app.state.services.database, int(path.rsplit("/", 1)[1])
    for number in range(5):
        await record(database, user_id, Kind.TOKEN_CREATED, HERE, subject=str(number))
    address, seen = f"{path}/events?limit=2", []
    while address:
        page = await ada.get(address)
        seen += [event["subject"] for event in page.json()]
        address = page.links["next"]["url"] if page.links else ""
    assert seen == ["4", "3", "2", "1", "0", None]


async def test_many_of_one_kind_push_no_other_out(
    ada: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_OF_A_KIND", 3)
    user_id = (await ada.get("/api/sessions")).json()["id"]
    database = app.state.services.database
    for number in range(6):
        await record(database, user_id, Kind.SIGN_IN_FAILED, HERE, subject=str(number))
    log = await log_of(ada)
    assert [event["subject"] for event in log] == ["5", "4", "3", None]
    assert log[-1]["kind"] == "signed_in"


async def test_old_entries_are_swept(ada: httpx.AsyncClient, app: FastAPI, settings, sql) -> None:
    await sql.execute("UPDATE security_events SET created_at = now() - interval '91 days'")
    await make_token(ada)
    await sweep_expired(app.state.services.database, settings.security_log_kept)
    assert [event["kind"] for event in await log_of(ada)] == ["token_created"]


async def test_an_event_of_an_account_that_is_being_deleted_is_left_out(
    ada: httpx.AsyncClient, app: FastAPI, sql, other_sql
) -> None:
    user_id = (await ada.get("/api/sessions")).json()["id"]
    async with sql.transaction():
        await sql.execute("DELETE FROM users")
        recording = asyncio.create_task(
            record(app.state.services.database, user_id, Kind.SIGNED_OUT, HERE)
        )
        await until_one_waits_for_a_lock(other_sql)
    await recording
    assert await sql.fetchval("SELECT count(*) FROM security_events") == 0

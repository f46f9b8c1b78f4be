"""/api/users"""

import asyncio

import httpx
import pytest
from pydantic import TypeAdapter

from skytier_app.text import Email

from .conftest import (
    PASSWORD,
    NewVisitor,
    make_token,
    register,
    sign_in,
    until_one_waits_for_a_lock,
    write_post,
)


async def delete(client: httpx.AsyncClient, path: str, password: str = PASSWORD) -> httpx.Response:
    return await client.request("DELETE", path, json={"current_password": password})


def registration(**changes: object) -> dict[str, object]:
    return {"username": "grace", "email": "grace@example.org", "password": PASSWORD} | changes


async def test_registering_answers_201_with_the_location_of_the_user(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/api/users", json=registration())
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/api/users/{made['id']}"
    assert made["username"] == "grace"
    assert made["email"] == "grace@example.org"
    assert set(made) == {"id", "username", "email", "is_admin", "created_at", "updated_at"}
    found = await client.get(answer.headers["Location"])
    assert found.status_code == 200


async def test_others_see_neither_the_address_nor_the_password(
    client: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    grace = await register(client, "grace")
    for reader in (client, ada):
        for path in ("/api/users", f"/api/users/{grace['id']}"):
            answer = await reader.get(path)
            assert answer.status_code == 200
            assert "grace" in answer.text
            assert "grace@" not in answer.text
            assert "argon2" not in answer.text


async def test_one_sees_ones_own_address(ada: httpx.AsyncClient) -> None:
    me = (await ada.get("/api/sessions")).json()
    assert (await ada.get(f"/api/users/{me['id']}")).json()["email"] == "ada@example.org"


async def test_the_password_is_stored_as_argon2id(client: httpx.AsyncClient, sql) -> None:
    await register(client, "grace")
    held = await sql.fetchval("SELECT password_hash FROM users WHERE username = 'grace'")
    assert held.startswith("$argon2id$")
    assert PASSWORD not in held


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "gr"},
        {"username": "g" * 51},
        {"username": "grace hopper"},
        {"username": "gra\x00ce"},
        {"username": None},
        {"email": "grace"},
        {"email": "grace@"},
        {"email": "a@b@c.org"},
        {"email": f"{'g' * 250}@example.org"},
        {"email": "grace@corp"},
        {"email": "grace@local..corp"},
        {"password": "short"},
        {"password": "p" * 129},
        {"password": "a password with \x00"},
        {"is_admin": True},
        {"id": 1},
    ],
)
async def test_a_wrong_registration_is_refused_and_names_the_field(
    client: httpx.AsyncClient, changes: dict[str, object]
) -> None:
    answer = await client.post("/api/users", json=registration(**changes))
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"body.{next(iter(changes))}"]


async def test_what_was_typed_as_password_is_not_sent_back(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/users", json=registration(password="hunter2"))
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "other@example.org", "username": "GRACE"}, "username"),
        ({"email": "Grace@Example.org", "username": "other"}, "email"),
    ],
)
async def test_a_name_or_address_is_taken_whatever_its_case(
    client: httpx.AsyncClient, changes: dict[str, object], field: str
) -> None:
    await register(client, "grace")
    answer = await client.post("/api/users", json=registration(**changes))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == f"body.{field}"


@pytest.mark.parametrize(
    "domain",
    [
        *("corp.local", "mail.home.arpa", "corp.internal", "mail.lan", "x.test", "x.example"),
        *("x.invalid", "x.localhost", "x.onion", "bücher.local"),
    ],
)
def test_an_address_of_a_local_network_is_as_good_as_another(domain: str) -> None:
    """No mail is sent."""
    assert TypeAdapter(Email).validate_python(f"u@{domain}") == f"u@{domain}"


async def test_registering_takes_an_address_of_a_local_network(client: httpx.AsyncClient) -> None:
    for name, email in (("grace", "u@corp.local"), ("jean", "u@mail.home.arpa")):
        answer = await client.post("/api/users", json=registration(username=name, email=email))
        assert (answer.status_code, answer.json()["email"]) == (201, email)


@pytest.mark.parametrize("username", ["abc", "a" * 50])
async def test_names_of_3_and_of_50_characters_are_taken(
    client: httpx.AsyncClient, username: str
) -> None:
    assert (await register(client, username))["username"] == username


async def test_one_changes_oneself(ada: httpx.AsyncClient) -> None:
    me = (await ada.get("/api/sessions")).json()
    answer = await ada.patch(f"/api/users/{me['id']}", json={"username": "lovelace"})
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["username"], changed["email"]) == ("lovelace", "ada@example.org")
    assert changed["updated_at"] > me["updated_at"]
    change = {"email": "a.l@example.org", "current_password": PASSWORD}
    answer = await ada.patch(f"/api/users/{me['id']}", json=change)
    assert (answer.json()["username"], answer.json()["email"]) == ("lovelace", "a.l@example.org")


async def test_a_change_to_a_taken_name_is_refused(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await register(client, "grace")
    me = (await ada.get("/api/sessions")).json()
    answer = await ada.patch(f"/api/users/{me['id']}", json={"username": "Grace"})
    assert answer.status_code == 409


@pytest.mark.parametrize("body", [{"username": None}, {"username": ""}, {"email": "no"}, {"x": 1}])
async def test_a_wrong_change_is_refused(ada: httpx.AsyncClient, body: dict[str, object]) -> None:
    me = (await ada.get("/api/sessions")).json()
    assert (await ada.patch(f"/api/users/{me['id']}", json=body)).status_code == 422


async def test_a_new_password_needs_the_old_one_and_ends_other_sessions_and_tokens(
    ada: httpx.AsyncClient, client: httpx.AsyncClient, new_client
) -> None:
    path = f"/api/users/{(await ada.get('/api/sessions')).json()['id']}"
    await sign_in(client, "ada")
    program = new_client()
    program.headers["Authorization"] = f"Bearer {(await make_token(ada)).json()['token']}"
    new = "another private sentence"
    for wrong in ({}, {"current_password": "not the old one"}):
        answer = await ada.patch(path, json={"password": new, **wrong})
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["field"] == "body.current_password"
    assert (await program.get("/api/sessions")).status_code == 200

    answer = await ada.patch(path, json={"password": new, "current_password": PASSWORD})

    assert answer.status_code == 200
    assert (await ada.get("/api/sessions")).status_code == 200
    assert (await client.get("/api/sessions")).status_code == 401
    assert (await program.get("/api/sessions")).status_code == 401
    await sign_in(client, "ada", new)


async def test_a_new_password_keeps_the_tokens_when_it_is_told_to(ada: httpx.AsyncClient) -> None:
    path = f"/api/users/{(await ada.get('/api/sessions')).json()['id']}"
    bearer = {"Authorization": f"Bearer {(await make_token(ada)).json()['token']}"}
    change = {
        "password": "another private sentence",
        "current_password": PASSWORD,
        "revoke_tokens": False,
    }
    assert (await ada.patch(path, json=change)).status_code == 200
    assert (await ada.get("/api/sessions", headers=bearer)).status_code == 200


@pytest.mark.parametrize("signed_in_by", ["session", "token"])
async def test_a_session_or_token_alone_does_not_take_the_account(
    ada: httpx.AsyncClient, new_client, signed_in_by: str
) -> None:
    """Making a token, changing the address and the password, and deleting ask for the password."""
    me = (await ada.get("/api/sessions")).json()
    path = f"/api/users/{me['id']}"
    client = ada
    if signed_in_by == "token":
        client = new_client()
        client.headers["Authorization"] = f"Bearer {(await make_token(ada)).json()['token']}"
    wrong = {"current_password": "not the old one"}
    attempts = [
        ("POST", "/api/tokens", {"name": "mine now"}, 422),
        ("POST", "/api/tokens", {"name": "mine now"} | wrong, 403),
        ("PATCH", path, {"email": "eve@example.org"}, 403),
        ("PATCH", path, {"email": "eve@example.org"} | wrong, 403),
        ("PATCH", path, {"password": "a password of Eve"} | wrong, 403),
        ("PATCH", path, wrong, 422),
        ("DELETE", path, None, 415),
        ("DELETE", path, wrong, 403),
    ]
    for method, address, body, status in attempts:
        answer = await client.request(method, address, json=body)
        assert answer.status_code == status, (method, body, answer.text)
    assert (await ada.get("/api/sessions")).json() == me
    # What stays as it is needs no password.
    change = {"email": me["email"], "username": "lovelace"}
    assert (await client.patch(path, json=change)).status_code == 200
    assert (await delete(client, path)).status_code == 204


async def test_nobody_changes_or_deletes_another(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    grace = await register(client, "grace")
    path = f"/api/users/{grace['id']}"
    assert (await ada.patch(path, json={"username": "mine"})).status_code == 403
    assert (await delete(ada, path)).status_code == 403
    assert (await client.patch(path, json={"username": "mine"})).status_code == 401
    assert (await delete(client, path)).status_code == 401
    assert (await client.get(path)).json()["username"] == "grace"


async def test_deleting_oneself_takes_posts_sessions_and_tokens_along(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    me = (await ada.get("/api/sessions")).json()
    post = await write_post(ada)
    token = (await make_token(ada)).json()["token"]
    assert (await delete(ada, f"/api/users/{me['id']}")).status_code == 204
    assert (await client.get(f"/api/users/{me['id']}")).status_code == 404
    assert (await client.get(f"/api/posts/{post['id']}")).status_code == 404
    assert (await ada.get("/api/sessions")).status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/api/sessions", headers=bearer)).status_code == 401


async def test_an_administrator_deletes_a_user(
    ada: httpx.AsyncClient, new_visitor: NewVisitor, client: httpx.AsyncClient, sql
) -> None:
    grace = await register(client, "grace")
    await sql.execute("UPDATE users SET is_admin = true WHERE username = 'ada'")
    path = f"/api/users/{grace['id']}"
    assert (await delete(ada, path, "not the old one")).status_code == 403
    assert (await client.get(path)).status_code == 200
    assert (await delete(ada, path)).status_code == 204
    assert (await delete(ada, path)).status_code == 404


@pytest.mark.parametrize("user_id", ["0", "-1", "9223372036854775808", "x", "1.5"])
async def test_an_impossible_id_is_refused(client: httpx.AsyncClient, user_id: str) -> None:
    assert (await client.get(f"/api/users/{user_id}")).status_code == 422


async def test_an_unknown_id_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/users/9223372036854775807")).status_code == 404


@pytest.mark.parametrize(
    ("method", "whose", "body"),
    [
        ("PATCH", "grace", {"email": "thief@example.org"}),
        ("PATCH", "grace", {"password": "the sentence of a thief"}),
        ("PATCH", "grace", {"username": "thief", "email": "thief@example.org"}),
        ("DELETE", "grace", {}),
        ("DELETE", "ada", {}),
    ],
    ids=["address", "password", "name and address", "deleted", "another deleted"],
)
async def test_what_is_confirmed_by_a_password_that_is_being_changed_is_not_done(
    ada: httpx.AsyncClient,
    new_visitor: NewVisitor,
    sql,
    other_sql,
    method: str,
    whose: str,
    body: dict[str, str],
) -> None:
    grace = await new_visitor("grace")
    await sql.execute("UPDATE users SET is_admin = true WHERE username = 'grace'")
    user_id = await sql.fetchval("SELECT id FROM users WHERE username = $1", whose)
    everything = "SELECT username, email, password_hash FROM users ORDER BY id"
    sessions = await sql.fetchval("SELECT count(*) FROM sessions")
    async with sql.transaction():
        await sql.execute("UPDATE users SET password_hash = 'another' WHERE username = 'grace'")
        before = await sql.fetch(everything)
        confirmed = grace.request(
            method, f"/api/users/{user_id}", json=body | {"current_password": PASSWORD}
        )
        changing = asyncio.create_task(confirmed)
        await until_one_waits_for_a_lock(other_sql)
    answer = await changing
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["field"] == "body.current_password"
    assert await sql.fetch(everything) == before
    assert await sql.fetchval("SELECT count(*) FROM sessions") == sessions

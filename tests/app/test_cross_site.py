"""Requests that a page of another site makes a browser send are refused by their method."""

import string

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier_app.middleware.cross_site import is_from_another_site

from .conftest import make_token, register, sign_in, write_post

POST = {"title": "Mine", "content": "Not yours."}


def scope(method: str, headers: dict[str, str]) -> dict[str, object]:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "method": method, "headers": raw}


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Origin": "https://evil.test"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "http://["}, True),
        ({"Origin": "http://skytier.test:81"}, True),
        ({"Origin": "http://skytier.test.evil.test"}, True),
        ({"Origin": "http://other.skytier.test"}, True),
        ({"Origin": "http://skytier.test@evil.test"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://skytier.test"}, True),
        ({"Origin": "https://evil.test", "Authorization": "Basic YTpi"}, True),
        ({"Origin": "http://skytier.test", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "https://Skytier.test"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://evil.test", "Authorization": "bearer x"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "FOO"])
def test_where_a_request_comes_from(method: str, headers: dict[str, str], refused: bool) -> None:
    assert is_from_another_site(scope(method, {"Host": "skytier.test"} | headers)) is refused
    for safe in ("GET", "HEAD", "OPTIONS"):
        assert not is_from_another_site(scope(safe, headers))


@given(
    origin=st.one_of(st.text(max_size=40), st.from_regex(r"[a-z]+://[ -~]{0,30}", fullmatch=True)),
    method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "FOO"]),
)
def test_only_an_origin_with_this_host_is_let_through(origin: str, method: str) -> None:
    text = origin.encode("latin-1", "replace").decode("latin-1")
    is_ours = text.partition("://")[2].lower() == "skytier.test"
    headers = {"Host": "skytier.test", "Origin": text}
    assert is_from_another_site(scope(method, headers)) is not is_ours


@given(host=st.text(string.ascii_letters + string.digits + ".-:[]", min_size=1, max_size=40))
def test_the_page_s_own_host_is_let_through_whatever_it_is(host: str) -> None:
    headers = {"Host": host, "Origin": f"https://{host}"}
    assert not is_from_another_site(scope("POST", headers))


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_every_operation_that_changes_something_is_guarded(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    asked = []
    for path, operations in (await client.get("/openapi.json")).json()["paths"].items():
        for method in operations.keys() & {"post", "put", "patch", "delete"}:
            answer = await client.request(method, path, json={}, headers=headers)
            assert answer.status_code == 403, (method, path, answer.text)
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "another site" in answer.json()["detail"]
            assert "403" in operations[method]["responses"]
            asked.append((method, path))
    assert {("delete", "/api/sessions"), ("post", "/api/users"), ("post", "/api/posts")} <= {*asked}
    # So is an address where nothing is.
    assert (await client.post("/nothing", headers=headers)).status_code == 403


async def test_a_page_of_another_site_uses_no_session_and_ends_none(ada: httpx.AsyncClient) -> None:
    evil = {"Origin": "https://evil.test"}
    assert (await ada.post("/api/posts", json=POST, headers=evil)).status_code == 403
    assert (await ada.delete("/api/sessions", headers=evil)).status_code == 403
    assert (await ada.get("/api/sessions", headers=evil)).status_code == 200
    assert (await ada.get("/api/posts")).json() == []


async def test_a_token_is_taken_from_anywhere(ada: httpx.AsyncClient) -> None:
    token = (await make_token(ada)).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Origin": "https://elsewhere.test"}
    assert (await ada.post("/api/posts", json=POST, headers=headers)).status_code == 201


async def test_a_page_of_this_site_and_a_program_do_all_of_it(client: httpx.AsyncClient) -> None:
    client.headers.update({"Origin": "http://skytier.test", "Sec-Fetch-Site": "same-origin"})
    await register(client, "ada")
    await sign_in(client, "ada")
    await write_post(client)
    assert (await client.delete("/api/sessions")).status_code == 204

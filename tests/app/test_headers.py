"""Whatever stands in a request's line and headers, the answer is one that was meant."""

import asyncio
import logging
from collections.abc import Iterable

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytier_app.middleware.body_limit import LIMIT_BYTES, is_too_large

from .conftest import client_of

COOKIE = b"skytier_session="
# Each with values that are nearly right, so that what parses them gets to its far ends.
NEARLY = {
    b"accept": [b"text/html", b"text/html;q=", b"*/*;q=1e999"],
    b"authorization": [b"Bearer ", b"bearer \xff\x00", b"Basic YTpi", b"Bearer  a b"],
    b"content-length": [b"9" * 5000, b"-1", b"\xb2", b"+5", b"1,1"],
    b"content-type": [
        b"application/json",
        b"application/json; charset=\xff",
        b"a/b/c",
        b";;=",
        b"/",
    ],
    b"cookie": [COOKIE, COOKIE + b"\xff", COOKIE + b'"\\777\\"', b"=;=;", COOKIE + b"a" * 5000],
    b"forwarded": [b'for="[', b"for=_x;by=;proto"],
    b"host": [b"[", b"[::1", b"a:b", b"a:99999999", b"\xe9.example", b"//", b"a]b", b"@"],
    b"idempotency-key": [b'"', b'""', b'"\\"', b"a b", b'"a";p=1', b"x" * 300],
    b"if-match": [b"*", b'"', b"W/", b"W/*", b",,,", b'*, "a"'],
    b"if-modified-since": [b"Sat, 99 Foo 0000 99:99:99 GMT", b"9" * 500],
    b"if-none-match": [b"*", b'"', b",,,"],
    b"if-range": [b'"', b"Sat, 01 Jan 99999 00:00:00 GMT"],
    b"origin": [b"http://[", b"http://[::1", b"null", b"://", b"http://a:b", b"\xff"],
    b"range": [b"bytes=", b"bytes=9-1", b"bytes=-" + b"9" * 5000, b"bytes=0-0,", b"lines=1"],
    b"referer": [b"http://[", b"\xff"],
    b"sec-fetch-site": [b"cross-site", b"\xff"],
    b"x-forwarded-for": [b"garbage", b"1.2.3", b"::1%" + b"a" * 5000],
    b"x-forwarded-proto": [b"https", b"gopher", b"\xff"],
    b"x-request-id": [b"\xff" * 10, b"a" * 9],
}
PATHS = [
    "/", "/account", "/sign-in", "/posts/1", "/posts/x", "/docs", "/metrics", "/health",
    "/api/posts", "/api/posts/1", "/api/users", "/api/users/1", "/api/tokens", "/api/tokens/1",
    "/api/sessions", "/api/preview", "/api/nothing", "/openapi.json", "/static/vendor/vendor.json",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"]

Header = tuple[bytes, bytes]
values = st.binary(max_size=60).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))


@st.composite
def header(draw: st.DrawFn) -> Header:
    name = draw(st.sampled_from(sorted(NEARLY)))
    value = draw(st.sampled_from(NEARLY[name]) | values)
    if draw(st.booleans()):
        value += draw(values)
    return name, value


async def answer_of(
    app: FastAPI,
    method: str,
    path: str,
    headers: Iterable[Header],
    query: bytes = b"",
    body: bytes = b"",
    client: str = "127.0.0.1",
) -> tuple[int, dict[bytes, bytes]]:
    """What an ASGI server would get for these raw bytes, which no client's library would send."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": (client, 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[dict[str, object]] = []
    came = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, object]:
        if (message := next(came, None)) is None:
            await asyncio.Event().wait()  # as from a client that stays
            raise AssertionError
        return message

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    started = sent[0]
    return started["status"], dict(started["headers"])  # type: ignore[call-overload, return-value]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    headers=st.lists(header(), max_size=4),
    query=st.binary(max_size=40)
    | st.sampled_from([b"limit=%ff", b"cursor=" + b"\xff" * 22, b"q=\xe9"]),
    body=st.binary(max_size=40) | st.just(b"{}"),
    address=st.sampled_from(
        ["127.0.0.1", "::1", "192.0.2.1", "garbage", "", "fe80::1%" + "x" * 5000, "\xff"]
    ),
)
async def test_no_header_makes_a_fault(
    app: FastAPI,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    headers: list[Header],
    query: bytes,
    body: bytes,
    address: str,
) -> None:
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        status, answered = await answer_of(app, method, path, headers, query, body, address)
    assert status < 500
    assert caplog.records == []
    if status >= 400 and method != "HEAD":
        assert answered[b"content-type"].startswith((b"application/problem+json", b"text/html"))


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "://", "x", "http://skytier.test@evil.test"]
)
async def test_an_origin_that_cannot_be_read_is_another_site(
    ada: httpx.AsyncClient, origin: str
) -> None:
    body = {"title": "Mine", "content": "Not yours."}
    answer = await ada.post("/api/posts", json=body, headers={"Origin": origin})
    assert answer.status_code == 403


async def test_metrics_are_for_addresses_that_can_be_read(app: FastAPI) -> None:
    for address, status in (
        ("127.0.0.1", 200), ("::1", 200), ("192.0.2.1", 404), ("garbage", 404), ("", 404)
    ):  # fmt: skip
        assert (await answer_of(app, "GET", "/metrics", [], client=address))[0] == status


async def test_attempts_from_an_address_that_cannot_be_read_are_counted(app: FastAPI) -> None:
    wrong = {"username": "nobody", "password": "not the password"}
    for address in ("garbage", "fe80::1%" + "x" * 5000, "\x00"):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://skytier.test") as client:
            assert (await client.post("/api/sessions", json=wrong)).status_code == 401


async def test_a_page_is_shown_whatever_host_it_was_asked_of(app: FastAPI) -> None:
    async with client_of(app) as client:
        for path in ("/", "/sign-in", "/nothing"):
            right = await client.get(path)
            wrong = await client.get(path, headers={"Host": "[", "Accept": "text/html"})
            assert (wrong.status_code, "text/html" in wrong.headers["Content-Type"]) == (
                right.status_code,
                True,
            )


@given(announced=st.text(max_size=40) | st.integers(min_value=0).map(str))
def test_a_length_is_too_large_only_as_a_number_that_is(announced: str) -> None:
    is_number = announced.isdecimal()
    assert is_too_large(announced) is (is_number and int(announced) > LIMIT_BYTES)


def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    assert is_too_large("9" * 5000)
    assert not is_too_large("0" * 5000 + "1")


@pytest.mark.parametrize(
    "value",
    [*NEARLY[b"range"], b"bytes=0-3", b"bytes=9999999-", b"bytes=a-b", b"bytes=0-0," * 200],
)
async def test_a_static_file_is_sent_whole_whatever_range_is_asked_for(
    app: FastAPI, value: bytes
) -> None:
    status, whole = await answer_of(app, "GET", "/static/vendor/vendor.json", [])
    assert status == 200
    assert whole[b"accept-ranges"] == b"none"
    asked = [(b"range", value)]
    status, answered = await answer_of(app, "GET", "/static/vendor/vendor.json", asked)
    assert status == 200
    assert answered[b"content-length"] == whole[b"content-length"]

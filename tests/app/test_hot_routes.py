"""The hot routes answer as the full routes do, whatever is asked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from skytier_app.main import create_app
from skytier_app.posts import hot
from skytier_app.posts.models import Post
from skytier_app.posts.shared import PAGES_AT_ONCE
from skytier_app.settings import Settings

from .conftest import client_of, write_post

JSON = {"Content-Type": "application/json"}
POST = b'{"title": "On engines", "content": "They weave."}'


@pytest.fixture
async def full(
    settings: Settings, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """Ada at the same application without hot routes."""
    monkeypatch.setattr(hot, "ROUTES", ())
    app = create_app(settings)
    async with app.router.lifespan_context(app), client_of(app, cookies=ada.cookies) as client:
        yield client


def said(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """All of an answer that is not by chance."""
    by_chance = (
        {"x-request-id", "etag", "content-length"}
        if answer.status_code == 201
        else {"x-request-id"}
    )
    headers = {name: value for name, value in answer.headers.items() if name not in by_chance}
    if "json" not in answer.headers.get("content-type", "") or not answer.content:
        return answer.status_code, headers, answer.content
    body = answer.json()
    if isinstance(body, dict):
        if answer.status_code == 201:
            headers["location"] = headers["location"].replace(str(body["id"]), "ID")
            body |= {"id": "ID", "created_at": "", "updated_at": ""}
        body = {name: value for name, value in body.items() if name != "request_id"}
    return answer.status_code, headers, body


def test_each_has_its_full_route_in_the_openapi_document(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    for route in hot.ROUTES:
        assert paths[route.path][route.method.lower()]["summary"]


async def test_their_answers_are_what_the_document_promises(ada: httpx.AsyncClient) -> None:
    made = await ada.post("/api/posts", headers=JSON, content=POST)
    one = await ada.get(made.headers["Location"])
    some = await ada.get("/api/posts")
    assert made.content == one.content
    assert some.content == b"[" + one.content + b"]"
    assert made.headers["ETag"] == one.headers["ETag"]
    assert list(one.json()) == list(Post.model_fields)
    TypeAdapter(Post).validate_json(one.content)


@pytest.mark.parametrize(
    "path",
    [
        "/api/posts",
        "/api/posts/",
        "/api/posts?",
        "/api/posts?limit=2",
        "/api/posts?limit=2&limit=1",
        "/api/posts?limit=02",
        "/api/posts?limit=0",
        "/api/posts?limit=",
        "/api/posts?limit=many",
        "/api/posts?user_id=1",
        "/api/posts?user_id=0",
        "/api/posts?q=engines&limit=1",
        "/api/posts?q=",
        "/api/posts?q=%00",
        "/api/posts?q=%ff",
        "/api/posts?q=a;limit=1",
        "/api/posts?cursor=none",
        "/api/posts?cursor=AAAAAAAAAAAAAAAAAAAAAA",
        "/api/posts?unknown=1",
        "/api/posts/1",
        "/api/posts/01",
        "/api/posts/+1",
        "/api/posts/1?q=1",
        "/api/posts/0",
        "/api/posts/-1",
        "/api/posts/1_0",
        "/api/posts/1.0",
        "/api/posts/٣",
        "/api/posts/999999999",
        "/api/posts/999999999999999999",
        "/api/posts/9223372036854775807",
        "/api/posts/9223372036854775808",
        "/api/posts/none",
    ],
)
async def test_reading(ada: httpx.AsyncClient, full: httpx.AsyncClient, path: str) -> None:
    for n in range(3):
        await write_post(ada, f"On engines {n}")
    for method in ("GET", "HEAD", "OPTIONS"):
        one, other = await ada.request(method, path), await full.request(method, path)
        assert said(one) == said(other)
    tag = one.headers.get("etag", '"none"')
    for known in (tag, f"W/{tag}", f'"a", {tag}', "*", "nonsense"):
        headers = {"If-None-Match": known}
        assert said(await ada.get(path, headers=headers)) == said(
            await full.get(path, headers=headers)
        )


async def test_pages_by_cursor_are_the_full_routes_and_the_same_alone_and_among_many(
    ada: httpx.AsyncClient, full: httpx.AsyncClient
) -> None:
    for n in range(PAGES_AT_ONCE + 4):
        await write_post(ada, f"On engines {n}")
    address, addresses = "/api/posts?limit=1", []
    while address:
        addresses.append(address)
        page = await ada.get(address)
        assert said(page) == said(await full.get(address))
        known = {"If-None-Match": page.headers["ETag"]}
        assert (await ada.get(address, headers=known)).status_code == 304
        address = page.links["next"]["url"] if page.links else ""
    assert len(addresses) == PAGES_AT_ONCE + 4
    # Others with the same cursors, but another length; none of them takes another's rows.
    addresses += [address.replace("limit=1", "limit=3") for address in addresses]

    at_once = await asyncio.gather(*(ada.get(address) for address in addresses))

    alone = [await full.get(address) for address in addresses]
    assert [said(answer) for answer in at_once] == [said(answer) for answer in alone]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, POST),
        (JSON, b'{"title": "a", "title": "b", "content": "c"}'),
        (JSON, b'{"title": "\\ud83d\\ude80", "content": "\xc3\xbc\\u0000"}'),
        (JSON, b'{"title": "\\ud800", "content": "c"}'),
        (JSON, b'\xef\xbb\xbf{"title": "a", "content": "c"}'),
        (JSON, b'{"title": "a", "content": "\xff"}'),
        (JSON, b'{"title": NaN, "content": "c"}'),
        (JSON, b'{"title": 1, "content": "c"}'),
        (JSON, b'{"title": "", "content": null}'),
        (JSON, b'{"title": "a", "content": "c", "more": 1}'),
        (JSON, b'{"title": "a"'),
        (JSON, b"[]"),
        (JSON, b"null"),
        (JSON, b""),
        ({"Content-Type": "application/json; charset=utf-8"}, POST),
        ({"Content-Type": "application/problem+json"}, POST),
        ({"Content-Type": "text/plain"}, POST),
        ({}, POST),
        (JSON | {"Sec-Fetch-Site": "cross-site"}, POST),
        (JSON | {"Origin": "https://elsewhere.example"}, POST),
        (JSON | {"Authorization": "Bearer wrong"}, POST),
        (JSON | {"Authorization": "Basic abc"}, POST),
        (JSON | {"Cookie": "skytier_session=wrong"}, POST),
        (JSON | {"Content-Length": "1048577"}, b"x" * 1048577),
    ],
)
async def test_writing(
    ada: httpx.AsyncClient, full: httpx.AsyncClient, headers: dict[str, str], body: bytes
) -> None:
    one = await ada.post("/api/posts", headers=headers, content=body)
    other = await full.post("/api/posts", headers=headers, content=body)
    assert said(one) == said(other)


async def test_a_post_of_an_account_that_is_gone_is_refused_and_the_others_are_stored(
    ada: httpx.AsyncClient, app: FastAPI
) -> None:
    me = (await ada.get("/api/sessions")).json()["id"]
    posts = app.state.services.changes

    made = await asyncio.gather(
        *(posts.create(author, "the same", "words") for author in (me, 999_999_999, me, me))
    )
    assert made[1] is None
    stored = [row["id"] for row in made if row is not None]
    assert len(set(stored)) == 3
    listed = (await ada.get("/api/posts")).json()
    assert {post["id"] for post in listed} == set(stored)

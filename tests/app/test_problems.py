"""Errors are problem documents that tell the client what it needs, and nothing of the inside."""

import json
import logging
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytier_app.pages.assets import VERSION
from skytier_app.problems import MOST_ERRORS
from skytier_app.strict_route import MOST_FIELDS

from .conftest import PASSWORD, client_of, register

JSON = {"Content-Type": "application/json"}
IN_ONE_APP = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
HOSTILE = [
    "'; DROP TABLE users; --",
    "' OR '1'='1",
    '" UNION SELECT password_hash FROM users --',
    "$1; SELECT pg_sleep(10)",
    "\\'; TRUNCATE posts; --",
    "%s %d {0} {{7*7}} ${7*7}",
    "a\r\nX-Injected: yes",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\u202etxet desrever",
]


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/api/nothing"), 404)
    assert_problem(await client.get("/api/posts/"), 404)


async def test_a_wrong_method_is_a_problem_that_says_what_is_allowed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.request("DELETE", "/api/stats")
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    answer = await client.post(f"/static/{VERSION}/page.css")
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/posts", "GET, POST, HEAD, OPTIONS"),
        ("/api/posts/1", "DELETE, GET, PATCH, PUT, HEAD, OPTIONS"),
        ("/api/preview", "POST, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
        (f"/static/{VERSION}/page.css", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_answers_which_methods_there_are(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Allow"] == allowed


async def test_options_of_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    assert_problem(await client.options("/api/nothing"), 404)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "empty"),
        (b"{", "line 1, column 2"),
        (b'{"title": "a",\n "content": }', "line 2, column 13"),
        (b"\xff\xfe", "line 1, column 1"),
        (b"[" * 100_000, "line 1, column"),
        (b'{"title": NaN}', "line 1, column 11"),
        (b'{"title": "\\ud800"}', "line 1, column"),
    ],
)
async def test_a_body_that_is_no_json_is_a_400_that_says_where(
    client: httpx.AsyncClient, body: bytes, where: str
) -> None:
    for path in ("/api/sessions", "/api/posts"):
        answer = await client.post(path, content=body, headers=JSON)
        assert_problem(answer, 400)
        assert where in answer.json()["detail"]
        assert answer.json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "multipart/form-data; boundary=x", "json", ""]
)
async def test_a_body_of_another_type_is_a_415_that_names_the_right_one(
    client: httpx.AsyncClient, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await client.post("/api/sessions", content=b"{}", headers=headers)
    assert_problem(answer, 415)
    assert "application/json" in answer.json()["detail"]
    assert answer.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "kind", ["Application/JSON", "application/json;charset=utf-8", "application/ld+json"]
)
async def test_a_body_of_any_type_that_is_json_is_read(
    client: httpx.AsyncClient, kind: str
) -> None:
    answer = await client.post("/api/sessions", content=b"{}", headers={"Content-Type": kind})
    assert_problem(answer, 422)


async def test_a_body_of_countless_unknown_fields_is_told_in_a_few_words(
    client: httpx.AsyncClient,
) -> None:
    fields = {f"{n:x}{'k' * n}": 0 for n in range(1200)}
    answer = await client.post("/api/users", json=fields)
    assert_problem(answer, 422)
    assert len(answer.content) < 1000
    assert len(answer.json()["errors"]) == 1
    some = dict(list(fields.items())[-MOST_FIELDS:])
    answer = await client.post("/api/users", json=some)
    assert_problem(answer, 422)
    assert len(answer.json()["errors"]) == MOST_ERRORS
    assert "of 103 errors" in answer.json()["detail"]


text = st.text(max_size=400)


@IN_ONE_APP
@given(
    body=st.dictionaries(text, st.none() | st.integers() | text | st.lists(text), max_size=150),
    parameters=st.lists(st.tuples(text, text), max_size=150),
)
async def test_a_problem_is_small_whatever_was_sent(
    app: FastAPI, body: dict[str, object], parameters: list[tuple[str, str]]
) -> None:
    async with client_of(app) as client:
        sent = json.dumps(body)
        answers = [
            await client.post("/api/users", content=sent, headers=JSON),
            await client.get("/api/posts", params=parameters),
        ]
    for answer in answers:
        assert answer.status_code in {200, 422}
        if answer.status_code == 422:
            assert len(answer.json()["errors"]) <= MOST_ERRORS
            assert max(len(error["field"]) for error in answer.json()["errors"]) <= 80
            assert len(answer.content) <= 10_000


async def test_a_number_is_written_in_one_way_only(client: httpx.AsyncClient) -> None:
    ways = ("2.0", "+2", "0002", "1_0", " 2", "2 ", "٢", "0x2", "2e0", "-0", "9" * 5000)
    for path in ("/api/posts/{}", "/api/users/{}", "/api/posts?user_id={}", "/api/users?limit={}"):
        for way in ways:
            assert_problem(await client.get(path.format(quote(way))), 422)


async def test_a_number_or_a_truth_value_in_a_body_is_no_text(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    document, me = app.openapi(), (await ada.get("/api/sessions")).json()
    found = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            for one in content.values():
                schema = document["components"]["schemas"][one["schema"]["$ref"].split("/")[-1]]
                for name, kind in schema["properties"].items():
                    if kind.get("type") in {"integer", "number", "boolean"}:
                        found.add(name)
                        address = path.format(user_id=me["id"], post_id=1)
                        for wrong in ("1", "true", "0"):
                            answer = await ada.request(method, address, json={name: wrong})
                            fields = {error["field"] for error in answer.json()["errors"]}
                            assert f"body.{name}" in fields
    assert found == {"expires_in_days", "revoke_tokens"}


async def test_a_parameter_that_is_given_twice_is_refused(client: httpx.AsyncClient) -> None:
    for path, name in (
        ("/api/posts?limit=1&limit=2", "limit"),
        ("/api/users?limit=1&limit=1", "limit"),
        ("/api/posts?limit=2&q=a&q=", "q"),
        ("/api/posts?unknown=1&unknown=2", "unknown"),
    ):
        answer = await client.get(path)
        assert_problem(answer, 422)
        assert [error["field"] for error in answer.json()["errors"]] == [f"query.{name}"]


async def test_a_body_of_more_than_1_mib_is_refused_announced_or_not(
    ada: httpx.AsyncClient,
) -> None:
    large = b'{"title": "t", "content": "' + b"c" * 1024 * 1024 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert_problem(await ada.post("/api/posts", content=large, headers=headers), 413)

    async def chunks():
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    unannounced = await ada.post("/api/posts", content=chunks(), headers=headers)
    assert "Content-Length" not in unannounced.request.headers
    assert_problem(unannounced, 413)


async def test_a_fault_of_ours_is_a_500_that_tells_nothing_and_a_log_that_tells_all(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("SELECT secret FROM /etc/shadow")

    async with client_of(app) as client:
        answer = await client.get("/broken")
    assert_problem(answer, 500)
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.levelno == logging.ERROR
    assert "SELECT secret" in str(record.exc_info[1])


async def test_the_id_of_the_request_is_taken_over_when_it_looks_like_one(
    client: httpx.AsyncClient,
) -> None:
    good = "0123456789abcdef"
    answer = await client.get("/api/nothing", headers={"X-Request-ID": good})
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == good
    for bad in ("short", "x" * 65, "<script>alert(1)</script>"):
        answer = await client.get("/api/posts", headers={"X-Request-ID": bad})
        assert answer.headers["X-Request-ID"] != bad


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_plain_data(
    ada: httpx.AsyncClient, client: httpx.AsyncClient, sql, text: str
) -> None:
    one_line = text.replace("\r\n", " ").replace("\u202e", "")  # a title has neither
    body = {"title": one_line, "content": text}
    made = await ada.post("/api/posts", json=body)
    assert made.status_code == 201
    read = (await client.get(made.headers["Location"])).json()
    assert (read["title"], read["content"]) == (one_line, text)
    answers = [
        await client.get("/api/posts", params={"q": text}),
        await client.get("/api/posts", params={"cursor": text}),
        await client.get("/api/posts", params={"user_id": text}),
        await client.get("/api/posts", params={text: text}),
        await client.post("/api/sessions", json={"username": text, "password": PASSWORD}),
        await client.post("/api/users", json={"username": text, "email": text, "password": text}),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 422, 422, 422, 422]
    assert not any("X-Injected" in answer.headers for answer in answers)
    assert await sql.fetchval("SELECT count(*) FROM users") == 1
    assert await sql.fetchval("SELECT count(*) FROM posts") == 1


async def test_answers_carry_the_headers_that_keep_browsers_safe(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/", "/docs", "/api/posts", "/api/nothing", "/health"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "same-origin"


async def test_head_answers_as_get_does(client: httpx.AsyncClient) -> None:
    for path in ("/", "/api/posts", "/health", "/api/nothing"):
        head, get = await client.head(path), await client.get(path)
        assert head.status_code == get.status_code
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


async def test_a_problem_names_every_field_at_fault(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/users", json={"username": "x", "email": "y", "more": 1})
    assert_problem(answer, 422)
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"body.username", "body.email", "body.password", "body.more"}


@pytest.mark.parametrize(
    ("username", "words"),
    [("<script>", "letters, digits"), ("no", "at least 3"), ("x" * 51, "at most 50")],
)
async def test_what_is_wrong_with_a_field_is_said_in_words(
    client: httpx.AsyncClient, username: str, words: str
) -> None:
    body = {"username": username, "email": "ada@example.org", "password": PASSWORD}
    (error,) = (await client.post("/api/users", json=body)).json()["errors"]
    assert words in error["detail"]
    assert "pattern" not in error["detail"]


async def test_text_in_a_link_header_makes_no_header_of_its_own(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    text = "a\r\nX-Injected: yes"
    for _ in range(2):
        await ada.post("/api/posts", json={"title": "t", "content": text})
    for path in ("/api/posts", "/"):
        answer = await client.get(path, params={"q": text, "limit": 1})
        assert answer.status_code == 200
        assert "X-Injected" not in answer.headers
    assert (
        "%0D%0A" in (await client.get("/api/posts", params={"q": text, "limit": 1})).headers["Link"]
    )
    answer = await client.get("/write%0d%0aX-Injected:%20yes")
    assert "X-Injected" not in answer.headers


async def test_a_unique_name_stays_unique_when_many_register_it_at_once(
    client: httpx.AsyncClient,
) -> None:
    import asyncio

    async def attempt(n: int) -> int:
        body = {"username": "ada", "email": f"ada{n}@example.org", "password": PASSWORD}
        return (await client.post("/api/users", json=body)).status_code

    statuses = await asyncio.gather(*(attempt(n) for n in range(8)))
    assert sorted(statuses) == [201] + [409] * 7
    with pytest.raises(AssertionError):
        await register(client, "ada")

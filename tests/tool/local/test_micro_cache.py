"""What Nginx answers from its cache: to strangers, for a second, and to nobody else."""

import itertools
import json
from collections.abc import Callable

import httpx
import pytest

from tests.skytier_command import Skytier
from tests.waiting import wait_until

PASSWORD = "a long and private sentence"
_names = (f"writer{n}" for n in itertools.count())
_limits = itertools.count(2)

# A client of httpx keeps cookies. A stranger is nobody whom the site has seen before.
Get = Callable[..., httpx.Response]


@pytest.fixture
def get(shared: Skytier) -> Get:
    return lambda path, **headers: httpx.get(shared.url() + path, headers=headers)


@pytest.fixture
def path() -> str:
    """A list that no other test asks for."""
    return f"/api/posts?limit={next(_limits)}"


@pytest.fixture
def writer(shared: Skytier) -> httpx.Client:
    """Somebody who is signed in."""
    client = httpx.Client(base_url=shared.url())
    name = next(_names)
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    assert client.post("/api/users", json=body).status_code == 201
    body.pop("email")
    assert client.post("/api/sessions", json=body).status_code == 201
    return client


def write(client: httpx.Client) -> int:
    answer = client.post("/api/posts", json={"title": "On engines", "content": "They weave."})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def from_cache(get: Get, path: str, **headers: str) -> httpx.Response:
    """The first answer that comes from the cache."""
    answers: list[httpx.Response] = []

    def found() -> bool:
        answers.append(get(path, **headers))
        return answers[-1].headers.get("X-Cache") == "HIT"

    wait_until(found)
    return answers[-1]


@pytest.mark.parametrize("path", ["/", "/api/posts?limit=1", "/api/users", "/statistics"])
def test_strangers_share_an_answer(get: Get, path: str) -> None:
    first, second = from_cache(get, path), get(path)

    assert first.status_code == 200
    assert "no-cache" in first.headers["Cache-Control"]
    assert "X-Accel-Expires" not in first.headers
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


def test_who_shows_a_cookie_or_a_token_is_never_answered_from_the_cache(
    get: Get, path: str, writer: httpx.Client
) -> None:
    body = {"name": "a program", "current_password": PASSWORD}
    token = writer.post("/api/tokens", json=body).json()["token"]
    cookie = f"skytier_session={writer.cookies['skytier_session']}"
    for headers in ({"Cookie": cookie}, {"Authorization": f"Bearer {token}"}):
        for _ in range(5):
            from_cache(get, path)
            answer = get(path, **headers)
            assert answer.status_code == 200
            assert "X-Cache" not in answer.headers
            assert answer.headers["Cache-Control"] == "private, no-cache"
            page = get("/", **headers)
            assert "X-Cache" not in page.headers


def test_what_the_signed_in_see_is_shown_to_no_stranger(get: Get, writer: httpx.Client) -> None:
    name = writer.get("/api/sessions").json()["username"]
    for _ in range(5):
        assert name in writer.get("/account").text
        assert name in writer.get("/write").text
        assert name not in get("/write").text
        assert name not in get("/sign-in").text


def test_writers_see_what_they_wrote_at_once_and_also_when_they_have_signed_out(
    get: Get, path: str, writer: httpx.Client
) -> None:
    for _ in range(5):
        from_cache(get, path)
        post_id = write(writer)
        assert writer.get(path).json()[0]["id"] == post_id
    from_cache(get, path)
    post_id = write(writer)
    assert writer.delete("/api/sessions").status_code == 204
    assert "skytier_session" not in writer.cookies
    assert writer.get(path).json()[0]["id"] == post_id


def test_who_has_just_registered_is_on_the_list(shared: Skytier, get: Get) -> None:
    from_cache(get, "/api/users")
    name = next(_names)
    with httpx.Client(base_url=shared.url()) as client:
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        assert client.post("/api/users", json=body).status_code == 201
        assert client.get("/api/users").json()[0]["username"] == name


def test_strangers_see_what_was_written_however_often_they_ask(
    get: Get, path: str, writer: httpx.Client
) -> None:
    from_cache(get, path)
    post_id = write(writer)

    wait_until(lambda: post_id in [post["id"] for post in get(path).json()])


def test_a_kept_answer_has_its_etag_and_answers_304(get: Get, path: str) -> None:
    tag = from_cache(get, path).headers["ETag"]

    answer = from_cache(get, path, **{"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert from_cache(get, path, **{"If-None-Match": '"another"'}).status_code == 200


def test_the_first_of_all_strangers_is_answered_304_too(
    get: Get, path: str, writer: httpx.Client
) -> None:
    for page in (path, "/sign-in"):
        tag = httpx.get(writer.base_url.join(page)).headers["ETag"]
        answer = get(page, **{"If-None-Match": tag})
        assert answer.status_code == 304


def test_a_kept_answer_serves_head(shared: Skytier, get: Get, path: str) -> None:
    body = from_cache(get, path).content
    answer = httpx.head(shared.url() + path, headers={"Accept-Encoding": "identity"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("path", ["/api/posts/999999999", "/no-such-page", "/api/posts?limit=0"])
def test_errors_are_not_kept(get: Get, path: str) -> None:
    for accept in ("text/html", "application/json"):
        answers = [get(path, Accept=accept) for _ in range(4)]
        assert {answer.status_code for answer in answers} <= {404, 422}
        assert "HIT" not in {answer.headers["X-Cache"] for answer in answers}


@pytest.mark.parametrize("path", ["/health", "/health/live", "/api/stats", "/openapi.json"])
def test_what_says_no_store_or_nothing_is_not_kept(get: Get, path: str) -> None:
    assert "HIT" not in {get(path).headers["X-Cache"] for _ in range(4)}


def test_the_log_says_what_came_from_the_cache(shared: Skytier, get: Get, path: str) -> None:
    request_id = from_cache(get, path).headers["X-Request-ID"]

    def noted() -> list[str]:
        lines = (shared.home / "logs" / "access.log").read_text().splitlines()
        return [line for line in lines if request_id in line]

    wait_until(noted)
    assert json.loads(noted()[0])["cache"] == "HIT"


@pytest.mark.parametrize("length", [900, 990, 1010, 2900, 3200, 3300, 3400, 3460, 3600, 4100, 6000])
def test_an_address_of_any_length_is_answered(get: Get, length: int) -> None:
    for path in ("/", "/posts/1", "/sign-in", "/health/live"):
        address = f"{path}?x={'a' * length}"
        known = get(path).status_code
        assert [get(address).status_code for _ in range(3)] == [known] * 3, path


def test_a_long_search_in_any_script_is_answered(get: Get, writer: httpx.Client) -> None:
    for words in ("日" * 199, "\u0e01" * 200, "-" + "é" * 150):
        answers = [
            httpx.get(str(get("/api/posts").url), params={"limit": 1, "q": words}) for _ in range(3)
        ]
        assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    "condition",
    [
        {"If-Unmodified-Since": "x"},
        {"If-Unmodified-Since": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ],
)
def test_a_condition_that_says_nothing_of_a_page_is_ignored(
    get: Get, path: str, condition: dict[str, str]
) -> None:
    from_cache(get, path)
    assert [get(path, **condition).status_code for _ in range(3)] == [200] * 3


def test_a_cached_answer_is_the_application_s_whatever_the_request_would_match(
    get: Get, writer: httpx.Client
) -> None:
    path = f"/api/posts/{write(writer)}"
    for tag in ('"other"', "*", get(path).headers["ETag"]):
        of_application = writer.get(path, headers={"If-Match": tag}).status_code
        from_cache(get, path)
        answers = [get(path, **{"If-Match": tag}).status_code for _ in range(3)]
        assert answers == [of_application] * 3, tag


def test_a_static_file_that_is_another_is_told_as_a_problem(get: Get) -> None:
    style = next(part for part in get("/").text.split('"') if part.startswith("/static/"))
    refused = get(style, **{"If-Match": '"other"'})
    assert (refused.status_code, refused.headers["Content-Type"]) == (
        412,
        "application/problem+json",
    )

"""/api/posts"""

import httpx
import pytest

from skytier_app.posts import queries

from .conftest import NewVisitor, write_post


async def test_writing_a_post_answers_201_with_its_location_and_author(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    answer = await ada.post("/api/posts", json={"title": "On engines", "content": "Weaving."})
    assert answer.status_code == 201
    post = answer.json()
    assert answer.headers["Location"] == f"/api/posts/{post['id']}"
    assert (post["username"], post["title"], post["content"]) == ("ada", "On engines", "Weaving.")
    assert post["created_at"] == post["updated_at"]
    read = await client.get(answer.headers["Location"])
    assert read.json() == post
    assert read.headers["ETag"] == answer.headers["ETag"]


async def test_strangers_read_but_do_not_write(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    post = await write_post(ada)
    path = f"/api/posts/{post['id']}"
    body = {"title": "Mine", "content": "Not yours."}
    assert (await client.post("/api/posts", json=body)).status_code == 401
    assert (await client.put(path, json=body)).status_code == 401
    assert (await client.patch(path, json=body)).status_code == 401
    assert (await client.delete(path)).status_code == 401
    assert (await client.get(path)).json() == post


async def test_only_the_author_or_an_administrator_changes_a_post(
    ada: httpx.AsyncClient, new_visitor: NewVisitor, sql
) -> None:
    post = await write_post(ada)
    path = f"/api/posts/{post['id']}"
    body = {"title": "Changed", "content": "By somebody."}
    grace = await new_visitor("grace")
    assert (await grace.put(path, json=body)).status_code == 403
    assert (await grace.patch(path, json=body)).status_code == 403
    assert (await grace.delete(path)).status_code == 403
    assert (await ada.get(path)).json() == post
    await sql.execute("UPDATE users SET is_admin = true WHERE username = 'grace'")
    changed = (await grace.put(path, json=body)).json()
    assert (changed["title"], changed["username"]) == ("Changed", "ada")
    assert (await grace.delete(path)).status_code == 204
    assert (await ada.get(path)).status_code == 404


async def test_replacing_takes_all_and_changing_takes_what_is_given(
    ada: httpx.AsyncClient,
) -> None:
    path = f"/api/posts/{(await write_post(ada))['id']}"
    assert (await ada.put(path, json={"title": "Only this"})).status_code == 422
    replaced = (await ada.put(path, json={"title": "New", "content": "All of it."})).json()
    assert (replaced["title"], replaced["content"]) == ("New", "All of it.")
    changed = (await ada.patch(path, json={"title": "Newer"})).json()
    assert (changed["title"], changed["content"]) == ("Newer", "All of it.")
    assert changed["updated_at"] > replaced["updated_at"] > replaced["created_at"]


@pytest.mark.parametrize(
    "body",
    [
        {"title": "", "content": "x"},
        {"title": "   ", "content": "x"},
        {"title": "t" * 201, "content": "x"},
        {"title": "two\nlines", "content": "x"},
        {"title": "nul\x00", "content": "x"},
        {"title": "t", "content": ""},
        {"title": "t", "content": "\n \t"},
        {"title": "t", "content": "c" * 100_001},
        {"title": "t", "content": "nul\x00"},
        {"title": "t", "content": None},
        {"title": 1, "content": "x"},
        {"title": "t"},
        {"title": "t", "content": "x", "user_id": 1},
        [],
        "text",
    ],
)
async def test_a_wrong_post_is_refused(ada: httpx.AsyncClient, body: object) -> None:
    answer = await ada.post("/api/posts", json=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await ada.get("/api/posts")).json() == []


async def test_the_longest_post_is_taken_whole(ada: httpx.AsyncClient) -> None:
    # Every word different, and as many as there can be: the most that the search index gets.
    words = " ".join(chr(0x4E00 + n % 20000) + chr(0x3400 + n // 7) for n in range(33_000))
    body = {"title": "\N{SNOWMAN}" * 200, "content": words[:100_000]}
    answer = await ada.post("/api/posts", json=body)
    assert answer.status_code == 201, answer.text
    assert (await ada.get(answer.headers["Location"])).json()["content"] == body["content"]


async def test_an_unchanged_answer_is_304(ada: httpx.AsyncClient) -> None:
    path = f"/api/posts/{(await write_post(ada))['id']}"
    for address in (path, "/api/posts", "/api/posts?q=engines", "/api/users"):
        first = await ada.get(address)
        tag = first.headers["ETag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await ada.get(address, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == tag
        await write_post(ada, "Another")
    await ada.patch(path, json={"title": "Changed"})
    changed = await ada.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200


async def test_if_match_guards_against_writing_over_somebody(ada: httpx.AsyncClient) -> None:
    path = f"/api/posts/{(await write_post(ada))['id']}"
    read = (await ada.get(path)).headers["ETag"]
    body = {"title": "First", "content": "Came first."}
    first = await ada.put(path, json=body, headers={"If-Match": read})
    assert first.status_code == 200
    assert first.headers["ETag"] == (await ada.get(path)).headers["ETag"] != read
    late = {"title": "Second", "content": "Came late."}
    for method in ("PUT", "PATCH", "DELETE"):
        json = None if method == "DELETE" else late
        answer = await ada.request(method, path, json=json, headers={"If-Match": read})
        assert answer.status_code == 412
    assert (await ada.get(path)).json()["title"] == "First"
    current = first.headers["ETag"]
    assert (await ada.delete(path, headers={"If-Match": current})).status_code == 204


async def test_a_list_is_of_one_author(ada: httpx.AsyncClient, new_visitor: NewVisitor) -> None:
    grace = await new_visitor("grace")
    own = await write_post(ada, "By Ada")
    await write_post(grace, "By Grace")
    answer = await ada.get("/api/posts", params={"user_id": own["user_id"]})
    assert answer.json() == [own]
    assert (await ada.get("/api/posts?user_id=999999")).json() == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("engine", ["Engines and looms"]),
        ("weaving", ["Engines and looms"]),
        ("engine or compiler", ["The compiler", "Engines and looms"]),
        ('"algebraic patterns"', ["Engines and looms"]),
        ('"patterns algebraic"', []),
        ("patterns -algebraic", ["The compiler"]),
        ("the compiler", ["The compiler"]),
        ("the", ["The compiler"]),
        ("& | ! ( ) : * '", []),
        ("zeppelin", []),
    ],
)
async def test_a_search_knows_words_phrases_and_exclusion(
    ada: httpx.AsyncClient, words: str, found: list[str]
) -> None:
    weaves = "It weaves algebraic patterns."
    for title, content in (("Engines and looms", weaves), ("The compiler", "Machine patterns.")):
        await ada.post("/api/posts", json={"title": title, "content": content})
    answer = await ada.get("/api/posts", params={"q": words})
    assert answer.status_code == 200
    assert [post["title"] for post in answer.json()] == found


@pytest.mark.parametrize("window", [1, 3, 100])
async def test_a_search_finds_the_same_whether_among_the_newest_or_not(
    ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(queries, "WINDOW", window)
    me = (await ada.get("/api/sessions")).json()["id"]
    for title in ("Engines", "Looms", "More engines", "An engine"):
        await ada.post("/api/posts", json={"title": title, "content": "They weave."})
    first = await ada.get("/api/posts", params={"q": "engine", "limit": 2})
    assert [post["title"] for post in first.json()] == ["An engine", "More engines"]
    second = await ada.get(first.links["next"]["url"])
    assert [post["title"] for post in second.json()] == ["Engines"]
    mine = await ada.get("/api/posts", params={"q": "engine", "limit": 2, "user_id": me})
    assert mine.json() == first.json()
    assert (await ada.get(mine.links["next"]["url"])).json() == second.json()
    assert (await ada.get("/api/posts", params={"q": "zeppelin"})).json() == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "user_id=0", "q=", "q=%00", "page=2", "cursor=%F0"]
)
async def test_a_wrong_query_is_refused_and_named(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/posts?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{query.split('=')[0]}"

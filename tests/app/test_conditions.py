"""`If-Match` and `If-None-Match` guard every method that changes something."""

from typing import Any

import httpx
from fastapi import FastAPI

from .conftest import PASSWORD, sign_in, write_post

BODIES = {
    ("/api/users", "post"): {
        "username": "grace", "email": "grace@example.org", "password": PASSWORD
    },
    ("/api/users/{user_id}", "patch"): {"username": "Ada"},
    ("/api/sessions", "post"): {"username": "ada", "password": PASSWORD},
    ("/api/tokens", "post"): {"name": "phone"},
    ("/api/posts", "post"): {"title": "More", "content": "words"},
    ("/api/posts/{post_id}", "put"): {"title": "Other", "content": "words"},
    ("/api/posts/{post_id}", "patch"): {"title": "Third"},
}  # fmt: skip
LAST = [("/api/sessions", "delete"), ("/api/users/{user_id}", "delete")]


async def test_each_operation_that_changes_a_thing_with_an_etag_honours_the_conditions(
    app: FastAPI, ada: httpx.AsyncClient
) -> None:
    me = (await ada.get("/api/sessions")).json()
    post = await write_post(ada)
    token = (await ada.post("/api/tokens", json={"name": "laptop"})).json()
    ids = {"user_id": me["id"], "post_id": post["id"], "token_id": token["id"]}
    operations = [
        (path, method)
        for path, item in app.openapi()["paths"].items()
        for method in item
        if method != "get" and "get" in item
    ]
    # What deletes a thing comes after what changes it.
    operations.sort(key=lambda operation: operation[1] == "delete")
    last = [operation for operation in LAST if operation in operations]
    assert last == LAST

    for path, method in [*(each for each in operations if each not in last), *last]:
        address = path.format(**ids)
        if path == "/api/users/{user_id}":
            await sign_in(ada, "ada")
        before = await ada.get(address)
        assert before.status_code == 200, address
        tag = before.headers["ETag"]

        async def attempt(name: str, value: str, path=path, method=method, address=address) -> int:
            body: Any = BODIES.get((path, method))
            options = {} if body is None else {"json": body}
            answer = await ada.request(method, address, headers={name: value}, **options)
            return answer.status_code

        assert await attempt("If-Match", '"nonsense"') == 412, (method, path)
        assert await attempt("If-Match", '"a", W/"b"') == 412
        assert await attempt("If-None-Match", "*") == 412
        assert await attempt("If-None-Match", f'"a", {tag}') == 412
        assert (await ada.get(address)).text == before.text
        assert 200 <= await attempt("If-Match", f'"a", {tag}') < 300, (method, path)


async def test_without_what_it_is_about_a_condition_does_not_matter(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    wrong = {"If-Match": '"nonsense"'}
    assert (await ada.delete("/api/tokens/999", headers=wrong)).status_code == 404
    assert (await ada.patch("/api/posts/999", json={}, headers=wrong)).status_code == 404
    assert (await client.delete("/api/sessions", headers=wrong)).status_code == 204
    assert (await client.delete("/api/posts/1", headers=wrong)).status_code == 401
    body = {"title": 1}
    assert (await ada.post("/api/posts", json=body, headers=wrong)).status_code == 422


async def test_what_changes_nothing_leaves_time_and_tag(ada: httpx.AsyncClient) -> None:
    post = await write_post(ada)
    me = (await ada.get("/api/sessions")).json()
    same = {"title": post["title"], "content": post["content"]}
    for path, before, method, body in (
        (f"/api/posts/{post['id']}", post, "PATCH", {}),
        (f"/api/posts/{post['id']}", post, "PATCH", {"title": post["title"]}),
        (f"/api/posts/{post['id']}", post, "PUT", same),
        (f"/api/users/{me['id']}", me, "PATCH", {}),
        (f"/api/users/{me['id']}", me, "PATCH", {"username": "ada", "email": me["email"]}),
    ):
        tag = (await ada.get(path)).headers["ETag"]
        answer = await ada.request(method, path, json=body)
        assert answer.status_code == 200
        assert answer.json() == before
        assert answer.headers["ETag"] == tag == (await ada.get(path)).headers["ETag"]
    changed = await ada.patch(f"/api/posts/{post['id']}", json={"content": "Other."})
    assert changed.json()["updated_at"] > post["updated_at"]
    changed = await ada.patch(f"/api/users/{me['id']}", json={"username": "Ada"})
    assert changed.json()["updated_at"] > me["updated_at"]


async def test_a_current_password_alone_is_an_error(ada: httpx.AsyncClient) -> None:
    me = (await ada.get("/api/sessions")).json()
    for given in (PASSWORD, "not the password"):
        answer = await ada.patch(f"/api/users/{me['id']}", json={"current_password": given})
        assert answer.status_code == 422
        assert "current_password" in answer.json()["errors"][0]["detail"]

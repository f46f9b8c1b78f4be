"""The pages in a real browser."""

import hashlib
import html
import json
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import Browser

import skytier
import skytier_app
from skytier_app import markdown

from .conftest import NewVisitor, Serve, client_of, write_post

VENDORED = [
    Path(skytier_app.__file__).parent / "static/vendor",
    Path(skytier.__file__).parent / "dashboard/static/vendor",
    Path(__file__).parents[1] / "vendor",
]


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/", "h1:has-text('Posts')"),
        ("/docs", ".opblock-summary-path:has-text('/api/posts') >> nth=0"),
        ("/redoc", "h1:has-text('Skytier')"),
    ],
)
async def test_a_page_shows_itself_and_takes_nothing_from_another_host(
    serve: Serve, browser: Browser, path: str, shows: str
) -> None:
    with serve(SKYTIER_WORKERS="1") as served:
        page = await browser.new_page()
        page.set_default_timeout(120_000)
        answered: list[tuple[str, int]] = []
        faults: list[str] = []
        page.on("response", lambda response: answered.append((response.url, response.status)))
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(served.url + path)
        await page.locator(shows).wait_for()
        await page.wait_for_load_state("networkidle")
        assert faults == []
        assert (served.url + path, 200) in answered
        strangers = [
            url for url, _ in answered if not url.startswith((served.url, "data:", "blob:"))
        ]
        assert strangers == []
        assert [url for url, status in answered if status >= 400] == []


async def test_the_documentation_shows_every_operation(serve: Serve, browser: Browser) -> None:
    with serve(SKYTIER_WORKERS="1") as served:
        document = httpx.get(f"{served.url}/openapi.json").json()
        operations = sum(len(methods) for methods in document["paths"].values())
        page = await browser.new_page()
        page.set_default_timeout(120_000)
        await page.goto(f"{served.url}/docs")
        await page.locator(".opblock").nth(operations - 1).wait_for()
        assert await page.locator(".opblock").count() == operations


async def test_every_link_of_the_first_page_leads_somewhere(app: FastAPI) -> None:
    async with client_of(app) as client:
        page = (await client.get("/")).text
        links = re.findall(r'href="([^"]+)"', page)
        assert len(links) >= 8
        for link in links:
            assert (await client.get(link)).status_code == 200, link


async def test_a_post_of_another_is_not_open_to_edit(new_visitor: NewVisitor) -> None:
    ada, grace = await new_visitor("ada"), await new_visitor("grace")
    path = f"/posts/{(await write_post(ada))['id']}/edit"
    assert (await ada.get(path)).status_code == 200
    refused = await grace.get(path, headers={"Accept": "text/html"})
    assert refused.status_code == 403
    assert "This is open to its author only." in refused.text


async def test_pages_are_bounded_by_the_posts_they_show(
    client: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    reference = "[a]: " + "\U00020000" * 20_000 + "\n\n" + "[a]x" * 1_700
    table = "x|" * 70 + "\n" + "-|" * 70 + "\n" + "x\n" * 280
    empty = len((await client.get("/")).content)
    for content in (reference, table * 100):
        most = 5 * len(content.encode()) + 10_000
        post = (await ada.post("/api/posts", json={"title": "x", "content": content})).json()
        assert len((await client.get(f"/posts/{post['id']}")).content) <= most + empty
        preview = await ada.post("/api/preview", json={"content": content})
        assert len(preview.json()["html"].encode()) <= most
    for _ in range(20):
        await ada.post("/api/posts", json={"title": "x", "content": table})
    assert len((await client.get("/")).content) <= empty + 20 * 1_000


async def test_a_table_is_aligned_as_it_says(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content(markdown.to_html("| a | b |\n|--:|---|\n| 1 | 2 |"))
    await page.add_style_tag(path=Path(skytier_app.__file__).parent / "static/page.css")
    aligned = "cells => cells.map(cell => getComputedStyle(cell).textAlign)"
    assert await page.eval_on_selector_all("th", aligned) == ["-webkit-right", "left"]
    assert await page.eval_on_selector_all("td", aligned) == ["-webkit-right", "start"]
    await page.close()


@pytest.mark.parametrize("vendor", VENDORED, ids=["pages", "dashboard", "tests"])
def test_what_is_vendored_is_what_was_published(vendor: Path) -> None:
    listed = {"vendor.json"}
    for library in json.loads((vendor / "vendor.json").read_text()):
        assert library["version"] in library["directory"]
        assert "LICENSE" in library["sha256"]
        for name, wanted in library["sha256"].items():
            listed.add(f"{library['directory']}/{name}")
            content = (vendor / library["directory"] / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == wanted, name
    found = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()}
    assert found == listed


LONG = [
    "A line of a long post. " * 4000,
    "| a | b |\n|---|---|\n" + "| *one* | `two` |\n" * 4000,
    "é\U0001f680 日本語 " * 9000,
    "a\r\n\r\nb " * 9000,
    "x" * 100_000,
    "```\n" + "code\n" * 9000,
    "[a link](https://example.org/" + "x" * 900 + ") and *words* " + "a " * 9000,
]


async def test_a_list_shows_the_excerpts_that_whole_contents_have(
    ada: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    for n, content in enumerate(LONG):
        body = {"title": f"A loom {n}", "content": content}
        assert (await ada.post("/api/posts", json=body)).status_code == 201
    me = (await ada.get("/api/sessions")).json()["id"]
    # All, of an author, found among the newest, and found by the index of words.
    for path in ("/", f"/users/{me}", "/?q=loom&limit=2", "/?q=loom"):
        page = (await client.get(path)).text
        shown = [html.unescape(text) for text in re.findall("<p>(.*?)</p>", page, re.DOTALL)]
        expected = [markdown.excerpt(content) for content in reversed(LONG)]
        assert shown[: len(expected)] == expected[: 2 if "limit" in path else None]

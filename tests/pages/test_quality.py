"""How the pages are: small, quick, safe, and usable by everybody."""

import os
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

import skytier_app
from skytier_app.pages.texts import catalogue
from tests.skytier_command import Skytier

from .conftest import PASSWORD, NewVisitor, Visitor

AXE = (Path(__file__).parents[1] / "vendor/axe-core-4.14.1/axe.min.js").read_text(encoding="utf-8")
SOURCE = Path(skytier_app.__file__).parent

PAGES = {
    "posts": "/",
    "search": "/?q=harbour",
    "sign-in": "/sign-in",
    "register": "/register",
    "write": "/write",
    "account": "/account",
    "statistics": "/statistics",
    "status": "/status",
    "missing": "/nothing-here",
}


GOOD_MS = 2500
"""The bound that web vitals call good."""
POST = """\
Three tiers, **one command**: Nginx in front, FastAPI behind it, PostgreSQL below.

## What each is for

- *Nginx* answers the door, and keeps what never changes.
- [FastAPI](https://fastapi.tiangolo.com) answers requests, in several processes.
- PostgreSQL remembers, and `pg_dump` remembers twice.

> Nothing is called done before it answers.

| tier | port |
|---|---|
| proxy | 443 |
| data | 5432 |

```
skytier up
```
"""


async def every_page(visitor: Visitor) -> dict[str, str]:
    """Name to path, with a post of the visitor's own."""
    path = await visitor.publish("From nothing to a running application", POST)
    author = await visitor.page.locator("a[rel=author]").get_attribute("href")
    return {**PAGES, "post": path, "edit": f"{path}/edit", "author": str(author)}


async def serious_faults(visitor: Visitor) -> list[tuple[str, list[str]]]:
    """What axe finds on the page as it stands now: rule and elements."""
    await visitor.page.wait_for_load_state("networkidle")
    result = await visitor.page.evaluate(f"() => {{ {AXE}; return axe.run(); }}")
    assert result["passes"]
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_on_any_page(new_visitor: NewVisitor, scheme: str) -> None:
    visitor = await new_visitor(color_scheme=scheme)
    await visitor.register()
    found = {}
    for name, path in (await every_page(visitor)).items():
        await visitor.open(path)
        found[name] = await serious_faults(visitor)
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_in_what_appears_on_the_way(
    new_visitor: NewVisitor, scheme: str
) -> None:
    visitor = await new_visitor(color_scheme=scheme)
    page = visitor.page
    found = {}

    await visitor.open("/register")
    await page.get_by_role("button", name="Register").click()
    await expect(page.locator("#username-error")).not_to_be_empty()
    found["errors beside their fields"] = await serious_faults(visitor)

    await visitor.register()
    path = await visitor.publish("Changed twice", POST)
    await visitor.open(f"{path}/edit")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("[data-preview] h2")).to_be_visible()
    found["preview"] = await serious_faults(visitor)

    await page.get_by_role("button", name="Go on writing").click()
    change = {"content": "By somebody else."}
    assert (await page.request.patch(f"{visitor.site}/api{path}", data=change)).ok
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("What it says now").click()
    found["somebody else's change"] = await serious_faults(visitor)

    await visitor.open("/account")
    await visitor.make_token("laptop")
    await expect(page.get_by_role("button", name="Revoke: laptop")).to_be_visible()
    await expect(page.locator("[data-events] li").first).to_contain_text("API token created")
    found["a token"] = await serious_faults(visitor)

    await visitor.context.clear_cookies()
    await page.get_by_role("button", name="Revoke: laptop").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    found["signing in again"] = await serious_faults(visitor)

    await visitor.open("/statistics")
    await page.get_by_text("Posts a day as a table").click()
    found["a table"] = await serious_faults(visitor)
    assert {name: faults for name, faults in found.items() if faults} == {}


async def test_no_page_is_wider_than_a_narrow_telephone(new_visitor: NewVisitor) -> None:
    visitor = await new_visitor(viewport={"width": 320, "height": 640})
    await visitor.register()
    for path in (await every_page(visitor)).values():
        await visitor.open(path)
        await visitor.page.wait_for_load_state("networkidle")
        assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_every_page_has_a_strict_policy(site: Skytier) -> None:
    for path in PAGES.values():
        headers = httpx.get(site.url() + path, headers={"Accept": "text/html"}).headers
        policy = headers["Content-Security-Policy"] if path not in ("/write", "/account") else None
        if policy is None:
            assert headers["Location"].startswith("/sign-in?next=")
            continue
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_a_page_that_has_not_changed_is_not_sent_again(site: Skytier) -> None:
    first = httpx.get(f"{site.url()}/sign-in")
    again = httpx.get(f"{site.url()}/sign-in", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_first_page_keeps_within_its_budget(site: Skytier, browser: Browser) -> None:
    """20 posts below 50 KB over the wire in few requests, painted soon by a slow processor."""
    paints: list[float] = []
    # The best of some: what else the machine does is not the page's fault.
    while not paints or (min(paints) >= GOOD_MS and len(paints) < 20):
        context = await browser.new_context()
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        sizes: list[float] = []
        session.on(
            "Network.loadingFinished",
            lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]),
        )
        await page.goto(f"{site.url()}/")
        await page.wait_for_load_state("networkidle")
        assert await page.locator("article").count() >= 20
        paints.append(
            await page.evaluate(
                """() => new Promise(resolve => new PerformanceObserver(list =>
                    resolve(list.getEntries().at(-1).startTime)
                ).observe({type: "largest-contentful-paint", buffered: true}))"""
            )
        )
        await context.close()
    assert len(sizes) >= 5
    assert sum(sizes) < 50_000
    assert len(sizes) <= 15
    assert min(paints) < GOOD_MS


async def test_what_was_loaded_once_is_not_asked_for_again(
    new_visitor: NewVisitor,
) -> None:
    visitor = await new_visitor()
    await visitor.open("/")
    await visitor.page.wait_for_load_state("networkidle")
    await visitor.open("/sign-in")
    await visitor.page.wait_for_load_state("networkidle")
    loaded = await visitor.page.evaluate(
        """performance.getEntriesByType("resource").filter(entry => entry.name.includes("/static/"))
            .map(entry => [entry.name, entry.transferSize])"""
    )
    assert len(loaded) >= 5
    assert [name for name, transferred in loaded if transferred] == []


async def test_a_broken_static_file_leaves_a_page_to_read(new_visitor: NewVisitor) -> None:
    visitor = await new_visitor()

    async def refuse(route: Route) -> None:
        await route.abort()

    await visitor.page.route("**/*.js", refuse)
    await visitor.open("/")
    await expect(visitor.page.locator("article")).to_have_count(20)
    visitor.faults.clear()


def test_every_text_is_in_the_catalogue_and_used() -> None:
    sources = [
        *SOURCE.glob("pages/**/*.html"),
        *SOURCE.glob("pages/*.py"),
        *SOURCE.glob("static/*.js"),
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    known = catalogue()
    named = set(re.findall(r"""[ (!]["'`]([a-z]+\.[a-z_0-9]+)["'`]""", code)) - {"page.css"}
    named = {name for name in named if not name.endswith("_")}
    named = {name for name in named if not name.endswith((".js", ".css", ".html", ".svg", ".json"))}
    assert named
    assert named <= set(known)
    # Keys that are put together: "nav." ~ name, `script.theme_${...}`, errors.http_{status}.
    prefixes = set(re.findall(r"""["'`]([a-z]+\.[a-z_]*)(?:["'`] ~|\$?\{)""", code))
    unused = {key for key in known if key not in code and not key.startswith(tuple(prefixes))}
    assert unused == set()


# As a stranger sees them, and as one who is signed in.
STRANGERS = ("sign-in", "register", "missing")
MEMBERS = ("posts", "author", "search", "post", "write", "edit", "account", "statistics", "status")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("shape", "width"), [("wide", 1100), ("narrow", 360)])
async def test_each_page_has_its_picture(
    new_visitor: NewVisitor, tmp_path: Path, scheme: str, shape: str, width: int
) -> None:
    """`scripts/screenshots` keeps them in docs/screenshots/."""
    folder = Path(os.environ.get("SKYTIER_SCREENSHOTS") or tmp_path)
    visitor = await new_visitor(
        color_scheme=scheme, viewport={"width": width, "height": 800}, locale="en-GB"
    )
    visitor.username = "ada.lovelace"

    async def take(name: str, path: str) -> None:
        await visitor.open(path)
        await visitor.page.wait_for_load_state("networkidle")
        # A list has no end, so its picture shows the beginning; other pages are shown whole.
        picture = await visitor.page.screenshot(
            path=folder / f"{name}-{scheme}-{shape}.png",
            full_page=name not in ("posts", "author", "search"),
        )
        assert len(picture) > 5000

    for name in STRANGERS:
        await take(name, PAGES[name])
    await visitor.register()
    pages = await every_page(visitor)
    for name in MEMBERS:
        await take(name, pages[name])
    # The next one registers by the same name, and has the list without this one's post.
    me = await (await visitor.page.request.get(f"{visitor.site}/api/sessions")).json()
    confirmed = {"current_password": PASSWORD}
    deleted = f"{visitor.site}/api/users/{me['id']}"
    assert (await visitor.page.request.delete(deleted, data=confirmed)).ok

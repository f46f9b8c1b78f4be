"""What a visitor does."""

import asyncio
import json
import re
import subprocess

import pytest
from playwright.async_api import expect

from tests.skytier_command import Skytier

from .conftest import PASSWORD, NewVisitor, Visitor

SCRIPTS = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "[click](javascript:window.hacked=1)",
    "[click](data:text/html,<script>window.hacked=1</script>)",
    "![x](https://evil.test/pixel.png)",
    "<svg/onload=window.hacked=1>",
    "<a href='javascript:window.hacked=1'>x</a>",
    "</textarea><script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "{{ 7 * 7 }}${7*7}",
]


async def test_the_whole_story(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.register()
    await page.get_by_role("link", name="Write").click()
    word = f"quixotic{visitor.username}"
    await page.get_by_label("Title").fill(f"On engines, {word}")
    await page.get_by_label("Content").fill("It **weaves** algebraic patterns.")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("[data-preview] strong")).to_have_text("weaves")
    await page.get_by_role("button", name="Go on writing").click()
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("article.post h1")).to_have_text(f"On engines, {word}")
    await expect(page.locator("article.post strong")).to_have_text("weaves")

    await page.get_by_role("link", name="Posts", exact=True).click()
    await page.get_by_role("searchbox").fill(word)
    await page.get_by_role("searchbox").press("Enter")
    await expect(page.locator("article")).to_have_count(1)
    await page.locator("article h2 a").click()

    await page.get_by_role("link", name="Edit").click()
    await page.get_by_label("Title").fill("On looms")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("article.post h1")).to_have_text("On looms")
    await expect(page.locator("article.post")).to_contain_text("edited")

    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    await visitor.open("/write")
    await expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    await visitor.sign_in_by()
    await expect(page).to_have_url(f"{visitor.site}/write")


async def test_reading_works_without_javascript(new_visitor: NewVisitor) -> None:
    visitor = await new_visitor(java_script_enabled=False)
    page = visitor.page
    await visitor.open("/")
    seen: list[str] = []
    for _ in range(3):
        links = page.locator("article h2 a")
        await expect(links).to_have_count(20)
        seen += [str(await link.get_attribute("href")) for link in await links.all()]
        before = page.url
        await page.get_by_role("link", name="Older posts").click()
        await expect(page).not_to_have_url(before)
    assert len(set(seen)) == 60
    await page.locator("article h2 a").first.click()
    await expect(page.locator("article.post .content")).not_to_be_empty()
    await expect(page.locator("article.post time")).to_contain_text("UTC")
    await page.get_by_role("link", name=re.compile(r"\.")).first.click()
    await expect(page.locator("h1")).to_contain_text("Posts by")
    await page.get_by_role("searchbox").fill("zeppelin-free")
    await page.get_by_role("searchbox").press("Enter")
    await expect(page.locator("main")).to_contain_text("No post matches")
    await visitor.open("/statistics")
    await expect(page.locator("[data-per-day] tbody tr")).to_have_count(30)
    await visitor.open("/status")
    await expect(page.locator("h1")).to_have_text("All is well")
    await visitor.open("/register")
    await expect(page.get_by_text("This form needs JavaScript")).to_be_visible()
    # Nor does the browser send what was typed by itself, into an address that is kept.
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("Password").press("Enter")
    await expect(page.get_by_role("button", name="Register")).to_be_disabled()
    assert page.url == f"{visitor.site}/register"


async def test_the_list_grows_as_one_reads_and_shows_each_post_once(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/")
    author = await page.locator("article p.quiet a").first.get_attribute("href")
    await visitor.open("/")
    while await page.get_by_role("link", name="Older posts").count():
        await page.mouse.wheel(0, 20_000)
    links = await page.locator("article h2 a").all()
    addresses = [await link.get_attribute("href") for link in links]
    assert len(addresses) >= 150
    assert len(set(addresses)) == len(addresses)
    await expect(page.locator("main")).to_contain_text("That is all.")
    await visitor.open(str(author))
    name = (await page.locator("h1").inner_text()).removeprefix("Posts by ")
    names = await page.locator("article p.quiet a").all_inner_texts()
    assert set(names) == {name}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_no_stored_script_gets_through(ada: Visitor, script: str) -> None:
    page = ada.page
    path = await ada.publish(script, f"{script}\n\nand `{script}` and\n\n> {script}")
    for place in (path, "/", f"{path}/edit", "/?q=hacked"):
        await ada.open(place)
        assert await page.evaluate("window.hacked") is None
        for link in await page.locator("main a[href]").all():
            href = str(await link.get_attribute("href"))
            assert re.match(r"(/|https?:|mailto:|\?)", href), href
        assert await page.locator("main img, main script, main iframe, main [onerror]").count() == 0
    await ada.open(f"{path}/edit")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("[data-preview]")).to_be_visible()
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("[data-preview] :is(img, script, svg, iframe)").count() == 0
    await ada.open(path)
    await expect(page.locator("article.post h1")).to_have_text(script)


async def test_a_script_is_no_username(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/register")
    await page.get_by_label("Username").fill("<script>window.hacked=1</script>")
    await page.get_by_label("E-mail address").fill("x@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Register").click()
    await expect(page.locator("#username-error")).not_to_be_empty()
    await expect(page.get_by_label("Username")).to_be_focused()
    await expect(page.get_by_label("E-mail address")).to_have_value("x@example.org")
    assert await page.evaluate("window.hacked") is None


async def test_the_account_changes_what_it_says(ada: Visitor, new_visitor: NewVisitor) -> None:
    page = ada.page
    await ada.open("/account")
    await ada.make_token("laptop", scope="Only read", lasts="One year")
    await expect(page.locator("[data-token]")).to_be_visible()
    await expect(page.locator("[data-tokens]")).to_contain_text("laptopOnly read · valid until")
    token = await page.locator("[data-token]").inner_text()
    headers = {"Authorization": f"Bearer {token}"}
    program = await new_visitor()
    answer = await program.context.request.get(f"{ada.site}/api/sessions", headers=headers)
    assert (await answer.json())["username"] == ada.username
    await page.get_by_role("button", name="Revoke: laptop").click()
    await expect(page.locator("[data-tokens]")).to_have_text("You have none.")
    answer = await program.context.request.get(f"{ada.site}/api/sessions", headers=headers)
    assert answer.status == 401

    email = page.locator("form").filter(has=page.get_by_role("button", name="Save the address"))
    await email.get_by_label("E-mail address").fill(f"{ada.username}@corp.local")
    await email.get_by_label("Current password").fill("not this one")
    await email.get_by_role("button").click()
    await expect(email.locator("[data-error=current_password]")).not_to_be_empty()
    await email.get_by_label("Current password").fill(PASSWORD)
    await email.get_by_role("button").click()
    await expect(page.get_by_role("status").last).to_contain_text("Saved.")

    await ada.make_token("kept")
    await expect(page.get_by_role("button", name="Revoke: kept")).to_be_visible()
    password = page.locator("form").filter(
        has=page.get_by_role("button", name="Change the password")
    )
    await password.get_by_label("Revoke all API tokens too").uncheck()
    await password.get_by_label("Current password").fill("not this one")
    await password.get_by_label("New password").fill("another private sentence")
    await password.get_by_role("button").click()
    await expect(page.locator("#current_password-error")).not_to_be_empty()
    await password.get_by_label("Current password").fill(PASSWORD)
    await password.get_by_role("button").click()
    await expect(page.get_by_role("status").last).to_contain_text("Changed.")
    await expect(password.get_by_label("Current password")).to_have_value("")
    await expect(page.get_by_role("button", name="Revoke: kept")).to_be_visible()

    deletion = page.locator("[data-delete-account]")
    await deletion.get_by_label("Current password").fill("another private sentence")
    await deletion.get_by_label("Type your username").fill("somebody else")
    await deletion.get_by_role("button").click()
    await expect(page.locator("#confirm-error")).not_to_be_empty()
    await deletion.get_by_label("Type your username").fill(ada.username)
    await deletion.get_by_role("button").click()
    await page.wait_for_url(f"{ada.site}/")
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()


async def test_the_account_lists_sessions_and_the_log_and_ends_one(
    ada: Visitor, new_visitor: NewVisitor
) -> None:
    telephone = await new_visitor(
        user_agent="Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
    )
    telephone.username = ada.username
    for _ in range(10):
        wrong = {"username": ada.username, "password": "not this one"}
        await telephone.page.request.post(f"{ada.site}/api/sessions", data=wrong)
    await telephone.open("/sign-in")
    await telephone.sign_in_by()
    await telephone.page.wait_for_url(f"{ada.site}/")

    page = ada.page
    await ada.open("/account")
    sessions = page.locator("[data-sessions] li")
    await expect(sessions).to_have_count(2)
    await expect(sessions.nth(0)).to_contain_text("Firefox 140, Android")
    await expect(sessions.nth(1)).to_contain_text("this session")
    log = page.locator("[data-events] li")
    await expect(log).to_have_count(10)
    await expect(log.nth(0)).to_contain_text("Signed in")
    await expect(log.nth(1)).to_contain_text("Failed to sign in")
    await page.get_by_role("button", name="Show older entries").click()
    await expect(log).to_have_count(12)
    await page.get_by_role("button", name="End: Firefox 140, Android").click()
    await expect(sessions).to_have_count(1)
    await expect(page.get_by_role("list", name="Sessions")).to_be_focused()
    await expect(log.nth(0)).to_contain_text("Session ended")
    await telephone.open("/account")
    await expect(telephone.page).to_have_url(re.compile(r"/sign-in\?next="))


async def test_a_taken_name_is_told_beside_its_field(ada: Visitor, visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/register")
    await page.get_by_label("Username").fill(ada.username.upper())
    await page.get_by_label("E-mail address").fill("somebody@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Register").click()
    await expect(page.locator("#username-error")).to_have_text("This username is taken.")


async def test_signing_in_leads_only_to_this_site(ada: Visitor, new_visitor: NewVisitor) -> None:
    visitor = await new_visitor()
    visitor.username = ada.username
    await visitor.open("/sign-in?next=https://evil.test/")
    await visitor.sign_in_by()
    await expect(visitor.page.get_by_role("button", name="Sign out")).to_be_visible()
    assert visitor.page.url == f"{visitor.site}/"


async def test_times_are_in_the_visitors_zone(new_visitor: NewVisitor) -> None:
    tokyo = await new_visitor(timezone_id="Asia/Tokyo", locale="en-GB")
    lima = await new_visitor(timezone_id="America/Lima", locale="en-GB")
    shown = []
    for visitor in (tokyo, lima):
        await visitor.open("/")
        moment = visitor.page.locator("article time").first
        await expect(moment).not_to_contain_text("UTC")
        shown.append((await moment.get_attribute("datetime"), await moment.inner_text()))
    assert shown[0][0] == shown[1][0]
    assert shown[0][1] != shown[1][1]


async def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/register")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    for value in (visitor.username, f"{visitor.username}@example.org", PASSWORD):
        await page.keyboard.press("Tab")
        await page.keyboard.type(value)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{visitor.site}/")
    await expect(page.get_by_role("link", name=visitor.username)).to_be_visible()


async def test_a_chosen_theme_stays(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    button = page.get_by_role("button", name="Light or dark")
    seen = []
    for theme in (None, "light", "dark"):
        if theme:
            await button.click()
            await page.reload()
        assert await page.evaluate("document.documentElement.dataset.theme ?? null") == theme
        seen.append(await page.evaluate(ground))
    assert seen[1] != seen[2]


async def test_the_status_page_tells_of_an_outage_by_itself(
    visitor: Visitor, site: Skytier
) -> None:
    page = visitor.page
    await visitor.open("/status")
    await expect(page.locator("h1")).to_have_text("All is well")
    await expect(page.locator("main")).to_contain_text("Since")
    pid = site.pid("postgresql")
    subprocess.run(["kill", "-QUIT", str(pid)], check=True)
    try:
        await expect(page.locator("h1")).to_have_text("The application is not available")
        answer = await visitor.open("/")
        assert answer.status == 503
        await expect(page.locator("h1")).to_contain_text("The database is away")
        await visitor.open("/status")
    finally:
        site.run("up")
    await expect(page.locator("h1")).to_have_text("All is well")


async def test_the_statistics_are_drawn(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/statistics")
    await expect(page.locator(".chart canvas")).to_have_count(5)
    # There is a canvas a moment before something is drawn on it.
    drawn = """() => [...document.querySelectorAll(".chart canvas")].every(
        canvas => new Set(canvas.getContext("2d")
            .getImageData(0, 0, canvas.width, canvas.height).data).size > 3)"""
    await page.wait_for_function(drawn)
    await expect(page.locator("[data-value=cpu]")).to_contain_text("%")


async def test_charts_take_the_chosen_theme_at_once(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("/statistics")
    canvas = page.locator("[data-chart=per-day] canvas")
    await canvas.wait_for()
    button = page.get_by_role("button", name="Light or dark")
    await button.click()
    light = await canvas.evaluate("canvas => canvas.toDataURL()")
    await button.click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.wait_for_function(
        "light => document.querySelector('[data-chart=per-day] canvas').toDataURL() !== light",
        arg=light,
    )


async def test_the_machine_s_charts_begin_with_what_the_server_has_kept(visitor: Visitor) -> None:
    def kept(html: str) -> list[list[float]]:
        found = re.search(r'id="samples">(.*?)</script>', html)
        assert found
        columns: list[list[float]] = json.loads(found[1])
        return columns

    while len((columns := kept(await (await visitor.open("/statistics")).text()))[0]) < 2:
        await asyncio.sleep(1)
    assert len(columns) == 6
    assert columns[0] == sorted(columns[0])

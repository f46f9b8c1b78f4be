"""Writing a post: nothing typed is lost, and nobody is written over unseen."""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route, expect

from tests.skytier_command import Skytier

from .conftest import PASSWORD, NewVisitor, Visitor


async def test_the_second_of_two_who_edit_one_post_is_told(
    ada: Visitor, new_visitor: NewVisitor
) -> None:
    path = await ada.publish("Shared", "As it was.")
    second = await new_visitor(storage_state=await ada.context.storage_state())
    for one in (ada, second):
        await one.open(f"{path}/edit")
    await ada.page.get_by_label("Content").fill("Ada was first.")
    await ada.page.get_by_role("button", name="Save").click()
    await ada.page.wait_for_url(ada.site + path)

    page = second.page
    await page.get_by_label("Content").fill("The second was late.")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Somebody changed this post")).to_be_visible()
    await page.get_by_text("What it says now").click()
    await expect(page.locator("[data-theirs-content]")).to_have_text("Ada was first.")
    await expect(page.get_by_label("Content")).to_have_value("The second was late.")
    await ada.page.reload()
    await expect(ada.page.locator(".content")).to_have_text("Ada was first.")

    await page.get_by_role("button", name="Save mine over it").click()
    await page.wait_for_url(second.site + path)
    await expect(page.locator(".content")).to_have_text("The second was late.")


async def test_a_draft_from_before_somebody_s_change_does_not_overwrite_it(ada: Visitor) -> None:
    page = ada.page
    path = await ada.publish("Shared", "As it was.")
    await ada.open(f"{path}/edit")
    await page.get_by_label("Content").fill("A draft, begun long ago.")
    change = {"content": "Changed meanwhile."}
    assert (await page.request.patch(f"{ada.site}/api{path}", data=change)).ok

    await ada.open(f"{path}/edit")
    await expect(page.get_by_text("This is your draft")).to_be_visible()
    await expect(page.get_by_label("Content")).to_have_value("A draft, begun long ago.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Somebody changed this post")).to_be_visible()
    await page.get_by_text("What it says now").click()
    await expect(page.locator("[data-theirs-content]")).to_have_text("Changed meanwhile.")

    await page.get_by_role("button", name="Discard it").click()
    await page.get_by_label("Title").fill("Shared by two")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.wait_for_url(ada.site + path)
    await expect(page.locator(".content")).to_have_text("Changed meanwhile.")


async def test_a_session_that_ends_while_writing_loses_nothing(ada: Visitor) -> None:
    page = ada.page
    await ada.open("/write")
    await page.get_by_label("Title").fill("Kept")
    await page.get_by_label("Content").fill("Every word of it.")
    await ada.context.clear_cookies()
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Your session has ended")
    await ada.sign_in_by("dialog form")
    await page.wait_for_url(re.compile(r"/posts/\d+$"))
    await expect(page.locator("article.post .content")).to_have_text("Every word of it.")


async def test_a_session_that_ends_on_the_account_page_goes_on_as_well(ada: Visitor) -> None:
    page = ada.page
    await ada.open("/account")
    await expect(page.locator("[data-events] li")).not_to_have_count(0)  # the lists are there
    await ada.context.clear_cookies()
    await ada.make_token("laptop")
    await expect(page.get_by_role("dialog")).to_contain_text("Your session has ended")
    await page.keyboard.press("Escape")
    await expect(page.locator("form[data-then=token] [data-form-error]")).to_contain_text("Sign in")
    await expect(page.get_by_label("Name of the token")).to_have_value("laptop")
    await page.get_by_role("button", name="Create a token").click()
    await ada.sign_in_by("dialog form")
    await expect(page.get_by_role("button", name="Revoke: laptop")).to_be_visible()


@pytest.mark.parametrize("second", ["at once", "late"])
async def test_two_requests_without_a_session_ask_once_to_sign_in(
    ada: Visitor, second: str
) -> None:
    page = ada.page
    await ada.open("/account")
    for name in ("laptop", "phone"):
        await ada.make_token(name)
        await expect(page.get_by_role("button", name=f"Revoke: {name}")).to_be_visible()
    await ada.context.clear_cookies()
    refused = [asyncio.Event(), asyncio.Event()]
    is_free = asyncio.Event()
    statuses: list[int] = []
    numbers = itertools.count()

    async def hold(route: Route) -> None:
        number = next(numbers)
        answer = await route.fetch()
        statuses.append(answer.status)
        if number < 2:
            refused[number].set()
            await (is_free if number and second == "late" else refused[1]).wait()
        await route.fulfill(response=answer)

    await page.route("**/api/tokens/*", hold)
    for name in ("laptop", "phone"):
        await page.get_by_role("button", name=f"Revoke: {name}").click()
    await ada.sign_in_by("dialog form")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    is_free.set()
    await expect(page.locator("[data-tokens]")).to_have_text("You have none.")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert sorted(statuses) == [204, 204, 401, 401]


async def test_a_draft_survives_an_error_and_a_closed_page(ada: Visitor) -> None:
    page = ada.page
    await ada.open("/write")
    await page.get_by_label("Content").fill("Without a title.")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("#title-error")).not_to_be_empty()
    await expect(page.get_by_label("Title")).to_be_focused()
    await expect(page.get_by_label("Content")).to_have_value("Without a title.")
    await ada.open("/")
    await ada.open("/write")
    await expect(page.get_by_label("Content")).to_have_value("Without a title.")
    await expect(page.get_by_text("This is your draft")).to_be_visible()
    await page.get_by_role("button", name="Discard it").click()
    await expect(page.get_by_label("Content")).to_have_value("")
    await page.reload()
    await expect(page.get_by_text("This is your draft")).to_be_hidden()


async def test_a_server_that_goes_away_and_comes_back_loses_nothing(
    ada: Visitor, site: Skytier
) -> None:
    page = ada.page
    await ada.open("/write")
    title = f"Patience of {ada.username}"
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Content").fill("Sent while nobody listened.")
    site.run("down")
    try:
        await page.get_by_role("button", name="Publish").click()
        await expect(page.get_by_role("status")).to_contain_text("does not answer")
    finally:
        site.run("up")
    await page.wait_for_url(re.compile(r"/posts/\d+$"))
    await expect(page.locator("article.post .content")).to_have_text("Sent while nobody listened.")
    posts = await page.request.get(f"{ada.site}/api/posts?q={title}")
    assert len(await posts.json()) == 1


def losing_answers(count: int) -> Callable[[Route], Awaitable[None]]:
    """The server does what it was asked, and the browser never hears of it, ``count`` times.

    Playwright's own count ends all interception with the last request that it takes, also for
    a request that is still under way when the one before it ends.
    """
    numbers = itertools.count()

    async def handle(route: Route) -> None:
        if next(numbers) >= count:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    return handle


async def test_what_was_sent_and_not_answered_is_made_once(
    ada: Visitor, new_visitor: NewVisitor
) -> None:
    page = ada.page
    for path, label, text, button in (
        ("/write", "Content", "Sent more than once.", "Publish"),
        ("/account", "Name of the token", "laptop", "Create a token"),
    ):
        await ada.open(path)
        api = re.compile(r"/api/(posts|tokens)$")
        await page.route(api, losing_answers(2))
        if path == "/write":
            await page.get_by_label("Title").fill(f"Patience of {ada.username}")
        else:
            form = page.locator("form").filter(has=page.get_by_role("button", name=button))
            await form.get_by_label("Current password").fill(PASSWORD)
        await page.get_by_label(label).fill(text)
        await page.get_by_role("button", name=button).click()
        if path == "/write":
            # The page is closed before an answer comes, and what was typed is sent from a new one.
            await expect(page.get_by_role("status")).to_contain_text("does not answer")
            await page.unroute_all(behavior="wait")
            await ada.open("/")
            await ada.open("/write")
            await page.get_by_role("button", name=button).click()
            await page.wait_for_url(re.compile(r"/posts/\d+$"))
        else:
            await expect(page.locator("[data-token]")).to_contain_text("skytier_")
    posts = await page.request.get(f"{ada.site}/api/posts?q=Patience of {ada.username}")
    assert len(await posts.json()) == 1
    assert len(await (await page.request.get(f"{ada.site}/api/tokens")).json()) == 1

    stranger = await new_visitor()
    await stranger.page.route(re.compile("/api/users$"), losing_answers(1))
    await stranger.register()
    await expect(stranger.page.get_by_role("link", name=stranger.username)).to_be_visible()


async def test_a_post_is_written_without_a_mouse(ada: Visitor) -> None:
    page = ada.page
    await ada.open("/write")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # to the content
    await page.keyboard.press("Tab")
    await page.keyboard.type("By hand")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Every *letter* of it.")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Publish")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-preview] em")).to_have_text("letter")
    await expect(page.get_by_role("button", name="Go on writing")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/posts/\d+$"))
    await expect(page.locator("article.post em")).to_have_text("letter")

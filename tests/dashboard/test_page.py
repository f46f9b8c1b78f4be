"""The dashboard in a real browser, of a stack that a real Prometheus measures."""

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.skytier_command import Skytier

from .conftest import EXPECTED, NewWatcher, chart, part_pid, use
from .watching import Watcher, painted

AXE = Path(__file__).parents[1] / "vendor/axe-core-4.14.1/axe.min.js"


async def faults(page: Page) -> list[tuple[str, list[str]]]:
    """Everything that axe finds on the page as it stands now: rule and elements."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    result = await page.evaluate("() => axe.run()")
    assert result["passes"]
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in result["violations"]
    ]


async def test_every_chart_that_has_a_target_has_its_line(watcher: Watcher) -> None:
    page = await watcher.open()
    for each in EXPECTED:
        figure = chart(page, each.id)
        await expect(figure).to_be_visible()
        summary = await figure.get_by_role("slider").get_attribute("aria-label")
        assert summary
        assert summary.startswith(each.title)
        assert "at the most" in summary
        await painted(figure)
    # What was not measured is named, and takes no room.
    await expect(
        page.get_by_text("Nothing was measured in this time: Replication lag.")
    ).to_be_visible()


async def test_the_picture_has_every_part_with_its_figures(watcher: Watcher) -> None:
    page = await watcher.open()
    picture = page.locator(".topology svg")
    for part in ("Clients", "Nginx", "Application", "PostgreSQL"):
        await expect(picture.get_by_text(part, exact=True)).to_be_visible()
    await expect(
        picture.get_by_text(re.compile(r"CPU [\d.]+% · memory [\d.]+% · disk"))
    ).to_be_visible()
    await expect(picture.get_by_text(re.compile(r"connections \d+")).first).to_be_visible()
    await expect(page.locator(".health")).to_contain_text("healthy, on this machine")
    await expect(picture).to_have_attribute("aria-label", re.compile("All is healthy"))

    await page.get_by_text("The stack as a table").click()
    for service in ("Nginx", "postgres-exporter", "prometheus"):
        row = page.get_by_role("row", name=re.compile(f"^localhost {service} well"))
        await expect(row).to_be_visible()


async def test_a_picture_without_room_is_drawn_once_there_is_some(watcher: Watcher) -> None:
    page = await watcher.open()
    picture = page.locator(".topology svg")
    await expect(picture).to_be_visible()

    # It is drawn anew when its room changes: first there is none, as before a page is laid out.
    await page.locator("#content").evaluate(
        """async (content) => {
            const drawn = () => new Promise((done) => setTimeout(done, 200));
            document.querySelector(".topology").replaceChildren();
            content.style.display = "none";
            await drawn();
            content.style.display = "";
            await drawn();
        }"""
    )

    await expect(picture).to_be_visible()
    # What the browser found wrong in it the watcher tells at the end.


async def test_a_stopped_application_is_seen_and_so_is_its_return(
    watcher: Watcher, stack: Skytier
) -> None:
    page = await watcher.open()
    try:
        os.kill(stack.pid("application"), signal.SIGTERM)
        alert = page.locator("[data-alert=ApplicationDown]")
        await expect(alert).to_be_visible()
        await expect(
            page.get_by_role("status").filter(has_text=re.compile("fire|wait"))
        ).to_be_visible()
        await expect(page.locator(".health")).to_contain_text("not healthy")
        await expect(page.locator(".topology text.ill")).to_be_visible()
        assert await faults(page) == []
    finally:
        stack.run("up")
    await expect(alert).to_have_count(0)
    await expect(page.locator(".health")).not_to_contain_text("not healthy")


async def test_a_monitor_that_is_down_is_told_and_tried_again(
    watcher: Watcher, stack: Skytier
) -> None:
    page = await watcher.open()
    trouble = page.get_by_role("alert").filter(has_text="Prometheus")
    try:
        os.kill(part_pid(stack, "prometheus"), signal.SIGTERM)
        await expect(trouble).to_be_visible()
        await expect(trouble).to_contain_text("It is tried again")
        # What was drawn stays, and looks old; the stack itself is still asked.
        await expect(page.locator(".figure.stale").first).to_be_visible()
        await expect(page.locator(".topology svg")).to_be_visible()
        assert await faults(page) == []
    finally:
        stack.run("up")
    await expect(trouble).to_be_hidden()
    await expect(page.locator(".figure.stale")).to_have_count(0)


async def test_the_charts_show_the_time_that_is_chosen(watcher: Watcher) -> None:
    page = await watcher.open()
    for name, words in (("15 min", "-15m"), ("7 d", "-7d")):
        async with page.expect_response(re.compile(f"charts/cpu_percent.*from={words}")):
            await page.get_by_role("radio", name=name).check()

    await page.get_by_role("radio", name="Custom").check()
    await page.get_by_label("From", exact=True).fill("2026-01-02T10:00")
    await page.get_by_label("To", exact=True).fill("2026-01-01T10:00")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("It ends before it begins.")).to_be_visible()

    await page.get_by_label("To", exact=True).fill("2026-01-02T11:00")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("[data-state=empty]")).not_to_have_count(0)
    await expect(page.locator("[data-state=drawn]")).to_have_count(0)
    assert await faults(page) == []


async def test_dragging_over_a_chart_looks_closer(watcher: Watcher) -> None:
    page = await watcher.open()
    over = chart(page, "cpu_percent").locator(".u-over")
    await over.scroll_into_view_if_needed()
    box = await over.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    async with page.expect_response(re.compile(r"charts/cpu_percent\?from=20")):
        await page.mouse.move(box["x"] + box["width"] * 0.5, middle)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
        await page.mouse.up()
    await expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    await expect(page.get_by_role("checkbox", name="Live")).to_be_disabled()


async def test_pointing_at_a_moment_shows_its_values(watcher: Watcher) -> None:
    page = await watcher.open()
    figure = chart(page, "requests_by_status_per_s")
    await expect(figure.locator(".now")).to_contain_text("Now")
    await figure.locator(".u-over").hover()
    await expect(figure.locator(".now")).not_to_contain_text("Now")
    await expect(figure.locator(".now")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))


async def test_everything_can_be_done_with_the_keyboard(watcher: Watcher) -> None:
    page = await watcher.open()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()

    slider = chart(page, "cpu_percent").get_by_role("slider")
    await slider.focus()
    newest = int(str(await slider.get_attribute("aria-valuenow")))
    await page.keyboard.press("ArrowLeft")
    await expect(slider).to_have_attribute("aria-valuenow", str(newest - 1))
    # Where Prometheus was down in a test before, a moment has no value; one before it has.
    said = await slider.get_attribute("aria-valuetext") or ""
    while "%" not in said and await slider.get_attribute("aria-valuenow") != "0":
        await page.keyboard.press("ArrowLeft")
        said = await slider.get_attribute("aria-valuetext") or ""
    assert re.search(r"\d\d:\d\d:\d\d.*%", said)
    await page.keyboard.press("Home")
    await expect(slider).to_have_attribute("aria-valuenow", "0")

    line = chart(page, "requests_by_route_per_s").get_by_role("button").first
    await line.focus()
    await page.keyboard.press("Space")
    await expect(line).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("Space")
    await expect(line).to_have_attribute("aria-pressed", "true")

    await page.get_by_role("radio", name="1 h", exact=True).focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="6 h")).to_be_checked()

    table = chart(page, "memory_percent").get_by_text("As a table")
    await table.focus()
    await page.keyboard.press("Enter")
    await expect(chart(page, "memory_percent").get_by_role("row").nth(2)).to_be_visible()


async def test_a_hidden_line_stays_hidden_when_new_figures_come(
    watcher: Watcher, stack: Skytier
) -> None:
    page = await watcher.open()
    line = chart(page, "pool_connections").get_by_role("button").first
    await line.click()
    use(stack.url())
    async with page.expect_response(re.compile("charts/pool_connections")):
        pass
    await expect(line).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(new_watcher: NewWatcher, scheme: str) -> None:
    page = await (await new_watcher(color_scheme=scheme)).open()
    await page.get_by_text("The stack as a table").click()
    await chart(page, "cpu_percent").get_by_text("As a table").click()
    await page.get_by_role("radio", name="Custom").check()
    assert await faults(page) == []


async def test_the_page_is_no_wider_than_a_narrow_telephone(new_watcher: NewWatcher) -> None:
    page = await (await new_watcher(viewport={"width": 320, "height": 640})).open()
    await page.get_by_text("The stack as a table").click()
    await chart(page, "requests_by_route_per_s").get_by_text("As a table").click()
    await page.get_by_role("radio", name="Custom").check()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    for figure in await page.locator("figure:visible").all():
        box = await figure.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 320


async def test_a_chosen_theme_is_kept(new_watcher: NewWatcher) -> None:
    watcher = await new_watcher(color_scheme="light")
    page = await watcher.open()
    button = page.get_by_role("button", name="Light, dark, or as the system")
    await button.click()
    await button.click()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(ground) == "rgb(20, 24, 29)"
    await page.reload()  # the token is kept for the tab, too
    await expect(page.locator("[data-state=drawn]")).to_have_count(len(EXPECTED))
    assert await page.evaluate(ground) == "rgb(20, 24, 29)"
    assert "token" not in page.url


async def test_without_the_token_the_page_says_where_it_is_found(watcher: Watcher) -> None:
    await watcher.page.goto(f"{watcher.dashboard.url}/#token=wrong")
    told = watcher.page.get_by_role("alert").filter(has_text="lacks the token")
    await expect(told).to_contain_text("Open the address that skytier dashboard printed last")
    await expect(watcher.page.locator("figure[data-chart]")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("shape", "width"), [("wide", 1280), ("narrow", 360)])
async def test_the_dashboard_has_its_picture(
    new_watcher: NewWatcher, tmp_path: Path, scheme: str, shape: str, width: int
) -> None:
    """`scripts/screenshots` keeps them in docs/screenshots/."""
    folder = Path(os.environ.get("SKYTIER_SCREENSHOTS") or tmp_path)
    size = {"width": width, "height": 1400}
    page = await (await new_watcher(color_scheme=scheme, viewport=size)).open()
    async with page.expect_response(re.compile("charts/redis_clients.*from=-15m")):
        await page.get_by_role("radio", name="15 min").check()
    await page.evaluate("document.activeElement.blur()")
    await page.wait_for_timeout(500)  # for the last lines to be painted
    picture = await page.screenshot(path=folder / f"dashboard-{scheme}-{shape}.png")
    assert len(picture) > 20_000

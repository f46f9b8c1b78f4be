"""The dashboard and the reports of a stack on a cloud, as its operator gets them."""

import os
import re
from pathlib import Path

import httpx
from playwright.async_api import Browser, expect

from skytier.charts.chart import Chart, Group
from skytier.metrics.catalogue import CHARTS
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.view import prometheus
from skytier.poll import until
from tests.dashboard.watching import painted, serving, watching

from .account import CLOUD, Operator

EXPECTED = [
    # Without Redis little is looked up in a cache, and a share of nothing is no figure. There is no
    # balancer.
    chart
    for chart in CHARTS
    if chart.group not in (Group.REDIS, Group.BALANCER) and chart.id != "cache_hit_percent"
]


def measured(stack: CloudStack, visitor: httpx.Client) -> list[Chart]:
    """Visit until Prometheus has figures for each chart. Returns those that it has none for."""
    with prometheus(stack) as figures:

        def missing() -> list[Chart]:
            for path in ("/", "/api/posts", "/api/stats"):
                visitor.get(path)
            return [chart for chart in EXPECTED if not figures.latest(chart)]

        until(lambda: not missing(), 300, every_s=3)
        return missing()


async def looked_at(browser: Browser, operator: Operator, name: str, folder: Path) -> None:
    """Everything that the page has to show, and a picture of it in `folder`."""
    per_month = operator.json("plan")["cost"]["per_month"]
    with serving(operator) as dashboard:
        size = {"width": 1280, "height": 1400}
        async with watching(browser, dashboard, EXPECTED, viewport=size) as watcher:
            page = await watcher.open()
            for each in EXPECTED:
                figure = page.locator(f"[data-chart={each.id}]")
                slider = figure.get_by_role("slider")
                await expect(slider).to_have_attribute("aria-label", re.compile("at the most"))
                # The line of the cost is as grey as the labels.
                if each.group is not Group.COST:
                    await painted(figure)

            picture = page.locator(".topology svg")
            for part in ("Clients", f"{name}-web-1", f"{name}-database-1"):
                await expect(picture.get_by_text(part, exact=True)).to_be_visible()
            for part in ("Nginx", "Application", "PostgreSQL"):
                await expect(picture.get_by_text(part, exact=True)).to_be_visible()
            words = (
                f"{name}-web-1 with Nginx and Application, then {name}-database-1 with PostgreSQL"
            )
            await expect(picture).to_have_attribute(
                "aria-label", f"Picture of the stack: clients, then {words}. All is healthy."
            )
            await expect(page.locator(".health")).to_contain_text(f"healthy, on {CLOUD}")

            cost = page.locator("#cost")
            await expect(cost.get_by_role("row", name="Together")).to_contain_text(per_month)
            await expect(cost.get_by_role("row", name=f"{name}-web-1 server")).to_be_visible()
            await expect(page.locator("#releases").get_by_role("row")).not_to_have_count(0)
            # Emulated machines are slow at times, which is an alert.
            alerts = re.compile(r"^Nothing is wrong|^\d+ (alert|wait)")
            await expect(page.locator("[data-part=alerts-summary]")).to_have_text(alerts)
            await page.evaluate("document.activeElement.blur()")
            await page.screenshot(path=folder / "dashboard-cloud.png", full_page=True)


def reported(operator: Operator, form: str, folder: Path) -> bytes:
    """A report of the last two hours, which has to have all charts."""
    path = folder / f"report.{form}"
    said = operator.run("report", "--from", "-2h", "--output", path)
    charts = re.search(rf"report\.{form}: (\d+) charts", said)
    assert charts, said
    assert int(charts[1]) >= len(EXPECTED)
    return path.read_bytes()


def kept(folder: Path) -> Path:
    """Where pictures go: a folder that somebody named, else one of the test."""
    return Path(os.environ.get("SKYTIER_SCREENSHOTS") or folder)

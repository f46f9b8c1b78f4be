"""Reports: one file for people who were not there."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.async_api import Browser

from skytier.poll import until
from tests.skytier_command import Skytier

from .conftest import EXPECTED
from .test_page import faults
from .watching import BOUND_S

ADDRESSES = ("src", "href", "action", "data", "poster", "srcset")


class References(HTMLParser):
    """Every address that a page names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in ADDRESSES]


@pytest.fixture(scope="module")
def folder(stack: Skytier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in each form."""
    folder = tmp_path_factory.mktemp("reports")

    def written(form: str) -> bool:
        said = stack.run("report", "--from", "-1h", "--output", f"{folder}/report.{form}")
        return f"report.{form}: {len(EXPECTED)} charts" in said

    # A chart of a rate has its first point only some looks after the stack is up.
    assert until(lambda: written("json"), BOUND_S, every_s=3)
    assert written("html")
    assert written("pdf")
    return folder


def test_json_has_the_figures_and_the_sentences(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    assert {each["id"] for each in report["charts"]} == {each.id for each in EXPECTED}
    for chart in report["charts"]:
        assert re.search(
            r"on average, at the most .* on \d+ \w+ \d{4}, \d\d:\d\d", chart["sentence"]
        )
        assert all(len(line["values"]) == len(chart["times"]) for line in chart["series"])
    assert report["to"] - report["from"] == pytest.approx(3600)
    assert report["availability"]["requests"] > 0
    assert 0 < report["availability"]["well"] <= report["availability"]["looks"]
    assert [each["release"] for each in report["releases"] if each["release"]]
    assert report["cost"]["sentence"] == "A stack on one's own machine has no price."
    assert report["missing"] == []


async def test_html_is_one_file_that_asks_for_nothing(folder: Path, browser: Browser) -> None:
    text = (folder / "report.html").read_text()
    references = References(text).found
    assert len(references) == len(EXPECTED)
    assert all(each.startswith("data:image/svg+xml;base64,") for each in references)
    assert "@import" not in text
    assert "url(" not in text

    page = await browser.new_page(viewport={"width": 320, "height": 640})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    await page.goto((folder / "report.html").as_uri())
    drawn = await page.locator("img").evaluate_all("all => all.map(image => image.naturalWidth)")
    assert len(drawn) == len(EXPECTED)
    assert all(drawn)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert await faults(page) == []
    await page.close()


def test_html_says_the_figure_of_each_chart(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    for each in EXPECTED:
        assert re.search(rf'alt="{re.escape(each.title)}: [^"]* on average, at the most', text)
    assert "The application answered its monitor" in text
    assert "requests" in text


def test_pdf_has_the_charts_and_the_words(folder: Path) -> None:
    content = (folder / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-1.4")
    assert content.rstrip().endswith(b"%%EOF")
    # What was in words, four charts a page, and the lists.
    assert len(re.findall(rb"/Type /Page\b", content)) == 1 + -(-len(EXPECTED) // 4) + 1
    assert b"/FontFile2" in content


def test_a_time_in_which_nothing_was_measured_is_told(stack: Skytier, tmp_path: Path) -> None:
    stack.run(
        *("report", "--from", "2020-01-01", "--to", "2020-01-02"),
        *("--output", str(tmp_path / "old.html")),
    )
    text = (tmp_path / "old.html").read_text()
    assert "Nothing was measured in this time." in text
    assert "No request was counted." in text
    stack.run(
        *("report", "--from", "2020-01-01", "--to", "2020-01-02"),
        *("--output", str(tmp_path / "old.pdf")),
    )
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "old.pdf").read_bytes())) == 2


WRONG = {
    "a time that is none": (["--from", "yesterday"], 1, "'yesterday' is not a time."),
    "the wrong way round": (["--from", "-1h", "--to", "-2h"], 1, "ends before it begins"),
    "an unknown form": (["--format", "docx"], 64, "docx"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_asked_wrongly_is_told_in_a_sentence(
    fresh: Skytier, arguments: list[str], code: int, said: str
) -> None:
    assert said in fresh.ends_with(code, "report", *arguments)


def test_a_file_that_cannot_be_written_is_named(stack: Skytier) -> None:
    said = stack.ends_with(64, "report", "--from", "-15m", "--output", "/nowhere/report.json")
    assert "There is no directory /nowhere." in said


def test_without_a_name_the_file_is_named_for_the_stack(stack: Skytier, tmp_path: Path) -> None:
    stack.run("report", "--from", "-15m", "--to", "now", "--format", "json", cwd=tmp_path)
    (written,) = tmp_path.iterdir()
    assert re.fullmatch(r"local-\d{4}-\d\d-\d\d\.json", written.name)


def test_a_stack_that_was_never_measured_has_no_report(fresh: Skytier) -> None:
    assert "Nothing was measured on this machine yet" in fresh.ends_with(1, "report")

"""What a run leaves in docs/."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.speed import pages
from bench.speed.measure import MAIN
from bench.speed.pages import END, GROW, RUN
from bench.speed.results import Result


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "speed.md").write_text(f"# Speed\n{RUN}\nold\n{END}\n## Growth\n{GROW}\n{END}\n")
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    return tmp_path


def test_a_run_leaves_figures_tables_and_a_picture_that_names_everyone(docs: Path) -> None:
    names = {"skytier": "Skytier", "fastify": "Fastify + pg"}
    found = {("one", MAIN, name): Result(100, 1, 2, 0, 0.1, 0, 7) for name in names}

    pages.write(found, {"one": {"skytier": {"rps": 100}}}, "| a table |")
    pages.write_growth("| another |")

    assert json.loads((docs / "speed.json").read_text())["one"]["skytier"]["rps"] == 100
    page = (docs / "speed.md").read_text()
    assert "old" not in page
    assert page.index("| a table |") < page.index("## Growth") < page.index("| another |")
    picture = ElementTree.parse(docs / "speed.svg").getroot()
    said = "".join(picture.itertext())
    assert all(title in said for title in names.values())


def test_the_same_figures_make_the_same_picture(docs: Path) -> None:
    found = {("one", MAIN, "skytier"): Result(100, 1, 2, 0, 0.1, 0, 7)}

    pages.write(found, {}, "")
    first = (docs / "speed.svg").read_text()
    pages.write(found, {}, "")

    assert (docs / "speed.svg").read_text() == first

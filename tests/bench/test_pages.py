"""What a run leaves in docs/."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.speed import pages
from bench.speed.measure import MAIN
from bench.speed.pages import END, GROW, RUN
from bench.speed.results import Result

MEMORY = {
    "date": "2026-11-27",
    "noise": None,
    "rows": [{"requests": 1_000_000, "mib": 54.5}],
}
OPEN = {
    "date": "2026-11-28",
    "noise": 0.07,
    "rows": [{"opened": 100, "held": 99, "rps": 5000, "p50_ms": 3, "p99_ms": 9.5, "failed": 0}],
}


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "speed.md").write_text(
        f"# Speed\n{RUN}\nthe run before\n{END}\n## Growth\n{GROW}\n{END}\n"
    )
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    return tmp_path


def test_a_run_leaves_figures_tables_and_a_picture_that_names_everyone(docs: Path) -> None:
    names = {"skytier": "Skytier", "fastify": "Fastify + pg"}
    found = {("one", MAIN, name): Result(100, 1, 2, 0, 0.1, 0, 7) for name in names}

    pages.write(found, {"one": {"skytier": {"rps": 100}}}, "| a table |")
    pages.write_growth({"memory": MEMORY})

    assert json.loads((docs / "speed.json").read_text())["one"]["skytier"]["rps"] == 100
    page = (docs / "speed.md").read_text()
    assert "the run before" not in page
    assert page.index("| a table |") < page.index("## Growth") < page.index("| 1,000,000 | 54.5 |")
    picture = ElementTree.parse(docs / "speed.svg").getroot()
    said = "".join(picture.itertext())
    assert all(title in said for title in names.values())


def test_the_same_figures_make_the_same_picture(docs: Path) -> None:
    found = {("one", MAIN, "skytier"): Result(100, 1, 2, 0, 0.1, 0, 7)}

    pages.write(found, {}, "")
    first = (docs / "speed.svg").read_text()
    pages.write(found, {}, "")

    assert (docs / "speed.svg").read_text() == first


def test_how_it_grows_is_measured_in_pieces_that_stay_beside_each_other(docs: Path) -> None:
    pages.write_growth({"memory": MEMORY})
    pages.write_growth({"connections": OPEN})

    assert set(json.loads((docs / "growth.json").read_text())) == {"memory", "connections"}
    page = (docs / "speed.md").read_text()
    assert "| 1,000,000 | 54.5 |" in page
    assert "while 32 others ask for one post (2026-11-28; rounds lie 7% apart):" in page
    row = next(line for line in page.splitlines() if line.startswith("| 100 "))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "100",
        "99",
        "5,000",
        "9.5",
        "0",
    ]

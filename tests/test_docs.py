"""The links between the pages of the documentation."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("", "docs", "devcloud", "bench")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)$", re.MULTILINE)
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(page for name in FOLDERS if name for page in (ROOT / name).rglob("*.md")),
    }
)


def links(page: Path) -> list[str]:
    """The relative links of a page: `other.md#part`."""
    text = CODE.sub("", FENCE.sub("", page.read_text()))
    return [link for link in LINK.findall(text) if not re.match("[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    return {anchor(heading) for heading in HEADING.findall(FENCE.sub("", page.read_text()))}


def anchor(heading: str) -> str:
    """`Put the data on a volume` is `put-the-data-on-a-volume`."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_an_anchor_that_exist(page: Path) -> None:
    for link in links(page):
        name, _, part = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{link} leads to nothing"
        assert not part or part in anchors(target), f"{link}: {target.name} has no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        ahead += [each for each in found if each.suffix == ".md" and each not in reached]

    assert set(PAGES) <= reached


@pytest.mark.parametrize("folder", ["tool/src", "app/src", "bench", "scripts"])
def test_every_page_that_the_code_names_exists(folder: str) -> None:
    named = {
        (path, name)
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix in ("", ".py", ".j2", ".toml")
        and "node_modules" not in path.parts
        for name in re.findall(r"\bdocs/[\w/.-]*\w", path.read_text(errors="replace"))
    }

    assert not [f"{path}: {name}" for path, name in named if not (ROOT / name).exists()]

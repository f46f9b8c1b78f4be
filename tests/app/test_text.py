"""Which titles, names and contents are taken: Unicode's categories decide."""

import re
import sys
import unicodedata

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import Browser
from pydantic import TypeAdapter, ValidationError

from skytier_app import idempotency
from skytier_app.text import LINE_PATTERN, PATTERN_WORDS, TEXT_PATTERN, Content, Title, TokenName

BIDI_CONTROLS = {*map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))}
FILLERS = {*"\u115f\u1160\u2800\u3164\uffa0"}
# Formats that are drawn all the same: signs around numbers and names.
DRAWN = re.compile("ARABIC (?!LETTER MARK)|SYRIAC|KAITHI")
NOT_DRAWN = re.compile(
    "VARIATION SELECTOR|COMBINING GRAPHEME JOINER|.* VARIATION SELECTOR|.*INHERENT"
)
# Unassigned characters are left to what they may become, and surrogates are none.
ASSIGNED = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(character) not in ("Cn", "Cs", "Co")
] + ["\ue000", "\uf8ff", "\U000f0000", "\U0010fffd"]
SOME = [*ASSIGNED[:400], *ASSIGNED[400::100], *FILLERS, *BIDI_CONTROLS, "\U000e0100", "\u2028"]


def may_be_in_a_line(character: str) -> bool:
    return (
        unicodedata.category(character) not in ("Cc", "Zl", "Zp") and character not in BIDI_CONTROLS
    )


def is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cf":
        return bool(DRAWN.match(unicodedata.name(character)))
    if category == "Mn" and NOT_DRAWN.match(unicodedata.name(character)):
        return False
    return category[0] in "LMNPS" and character not in FILLERS


def is_a_title(character: str) -> bool:
    return is_seen(character) and may_be_in_a_line(character)


TITLE, TOKEN_NAME, CONTENT = TypeAdapter(Title), TypeAdapter(TokenName), TypeAdapter(Content)


def takes(adapter: "TypeAdapter[str]", value: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def test_the_patterns_know_every_character_by_its_category() -> None:
    line, text = re.compile(LINE_PATTERN), re.compile(TEXT_PATTERN)
    for character in ASSIGNED:
        name = f"U+{ord(character):04X}"
        assert bool(line.match(f"x{character}x")) == may_be_in_a_line(character), name
        assert bool(line.match(character)) == is_a_title(character), name
        assert bool(text.match(f"\n{character}")) == is_a_title(character), name


def test_the_api_reads_the_patterns_alike() -> None:
    for character in SOME:
        name = f"U+{ord(character):04X}"
        assert takes(TITLE, f"x{character}x") == may_be_in_a_line(character), name
        assert takes(TOKEN_NAME, character) == is_a_title(character), name
        assert takes(CONTENT, character) == is_a_title(character), name


async def test_ecmascript_reads_the_patterns_alike(browser: Browser) -> None:
    """JSON Schema's regular expressions are ECMAScript's."""
    page = await browser.new_page()
    matched = await page.evaluate(
        "([pattern, texts]) => texts.map(text => new RegExp(pattern, 'u').test(text))",
        [LINE_PATTERN, [*(f"x{character}x" for character in SOME), *SOME]],
    )
    assert matched == [*map(may_be_in_a_line, SOME), *map(is_a_title, SOME)]
    await page.close()


@pytest.mark.parametrize(
    "title",
    [
        "Über Maschinen",
        "日本語",
        "שלום",
        "می‌خواهم",  # with a zero-width non-joiner, as it is written
        "👩‍👩‍👧",  # with zero-width joiners
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # with tags
        "❤\ufe0f",
        "soft\xadly",
        "e\u0301",
        " spaces\xa0around ",
        "\u0600",
        "t" * 200,
        "\U00020000" * 200,
    ],
)
def test_titles_that_people_write_are_taken(title: str) -> None:
    assert takes(TITLE, title)


@pytest.mark.parametrize(
    "title",
    [
        "",
        *(" ", "\xa0", "\u200b", "\u3164", "\xad", "\u2800", "\ufeff", "\U000e0041", "\ue000"),
        *("\u200b\xa0\u3164", "\u3000" * 10),
        *("a\nb", "a\tb", "a\x85b", "a\u2028b", "a\u2029b", "a\x9bb", "a\x7fb", "a\0b"),
        *("a\u202eb", "a\u2066b\u2069", "a\u200fb", "a\u061cb"),
        "t" * 201,
        "\ud800",
    ],
)
def test_other_titles_are_refused(title: str) -> None:
    assert not takes(TITLE, title)


async def test_the_api_tells_which_text_it_refuses(ada: httpx.AsyncClient) -> None:
    wrong = {
        "title": ["\u3164", "a\x85b", "a\u202eb"],
        "content": ["\u200b", "\n\u2028\t ", "a\0b"],
    }
    for field, texts in wrong.items():
        for text in texts:
            answer = await ada.post("/api/posts", json={"title": "x", "content": "x", field: text})
            assert answer.status_code == 422
            [error] = answer.json()["errors"]
            assert error["field"] == f"body.{field}"
            assert "something to see" in error["detail"]
    # JSON can write half of a character, which is no text.
    half = b'{"title": "\\ud800", "content": "x"}'
    headers = {"Content-Type": "application/json"}
    assert (await ada.post("/api/posts", content=half, headers=headers)).status_code == 400


async def test_what_is_taken_is_stored_as_it_was(ada: httpx.AsyncClient) -> None:
    """The database counts characters as the API does."""
    body = {"title": "\U00020000" * 200, "content": "\x1b\u2028\u202e" + "\U00020000" * 99_997}
    made = await ada.post("/api/posts", json=body)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in body} == body


def patterns(part: object) -> set[str]:
    """All patterns somewhere in a JSON schema."""
    if isinstance(part, dict):
        own = {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
        return own.union(*map(patterns, part.values()))
    return set().union(*map(patterns, part)) if isinstance(part, list) else set()


def test_every_pattern_of_the_openapi_document_has_its_words(app: FastAPI) -> None:
    # The header's pattern is checked, and has its words, in idempotency.py.
    found = patterns(app.openapi()) - {idempotency.PATTERN}
    assert found == set(PATTERN_WORDS)


async def test_a_pattern_without_words_is_a_refusal_all_the_same(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skytier_app.text.PATTERN_WORDS", {})
    answer = await client.get("/api/posts", params={"cursor": "x"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["detail"] == "This does not have the form that the API document states."

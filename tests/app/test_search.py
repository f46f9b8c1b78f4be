"""What a search finds: query and index are cut by one rule, in PostgreSQL, whatever the text."""

import re
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postgres_cluster import PostgresCluster

LONGEST = 100_000

URL = "See https://example.org/a/b?x=1 for more."
WHO = "The Who, live at Leeds"


@pytest.fixture(scope="module")
async def rule(postgres: PostgresCluster, template: str) -> AsyncIterator[Any]:
    """A connection to a database without rows, for what only calls its functions."""
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute(f"CREATE DATABASE rule TEMPLATE {template}")
    connection = await asyncpg.connect(postgres.url("rule"))
    # It separates the linear (some 0.1 s for the longest text) from the quadratic (minutes).
    await connection.execute("SET statement_timeout = '20s'")
    yield connection
    await connection.close()
    await server.execute("DROP DATABASE rule WITH (FORCE)")
    await server.close()


async def matches(rule: Any, content: str, words: str) -> bool:
    found = await rule.fetchval(
        "SELECT coalesce(search_vector('t', $1) @@ search_query($2), false)", content, words
    )
    assert isinstance(found, bool)
    return found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (URL, "https://example.org/a/b?x=1"),
        (f"({URL})", "https://example.org/a/b?x=1"),
        (URL, "example.org"),
        (URL, "example"),
        (URL, "org/a/b"),
        ("write to u@mail.home.arpa", "mail.home.arpa"),
        ("at ~/notes/2026-11-28_draft.md", "2026-11-28_draft.md"),
        ("at ~/notes/2026-11-28_draft.md", "draft"),
        ("an e-mail", "e-mail"),
        ("He said “hellothere” — “byethere”", "hellothere"),
        ("word—dashed", "dashed"),
        ("„gutentag“ «bonjour»", "bonjour"),
        ("Eugene O\u2019Neill", "neill"),
        ("Eugene O\u2019Neill", "O'Neill"),
        ("half is ½", "1/2"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("سلام، دنیا", "سلام"),
        ("नमस्ते।दुनिया", "दुनिया"),
        ("C++ and C# are languages", "C++"),
        ("version 3.11.2-rc1", "3.11.2-rc1"),
        ("<b>bold</b> &amp; plain", "bold"),
        ("snake_case_name", "case_name"),
        ("10,000.50 crowns", "10,000.50"),
        ("日本語のテスト", "日本語"),
        ("日本語のテスト", "テスト"),
        ("日本語のテスト", "語"),
        ("日本語のテスト", "日本語のテスト"),
        ("日本語のテスト。猫が好き", "猫"),
        ("吾輩は黒猫である", "猫"),
        ("吾輩は黒猫である", '"黒猫" 吾輩'),
        ("Python入門を読む", "python入門"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("全文検索の仕組み", "検索"),
        ("คอมพิวเตอร์ภาษาไทย", "ภาษา"),
        ("한국어를 배우다", "한국어"),
        (unicodedata.normalize("NFD", "한국어를 배우다"), "한국어"),
        ("Café", "cafe"),
        ("Café", "café"),
        ("cafe", "CAFÉ"),
        ("Cafe\u0301s", "café"),
        ("\uff23\uff41\uff46\uff45", "cafe"),
        ("Straße", "strasse"),
        ("Ørsted und Łódź", "orsted lodz"),
        ("Ёлка", "елка"),
        ("Ἀθῆναι", "αθηναι"),
        ("soft\u00adware", "software"),
        (WHO, "The Who"),
        (WHO, '"The Who"'),
        (WHO, "the who live"),
        ("To be, or not to be", '"to be or not to be"'),
        ("engines", "engine"),
        ("a" * 60, "a" * 60),
        ("a" * 60, f"{'a' * 60} or zeppelin"),
        ("either or", '"or"'),
        ("an engine", "-zeppelin"),
        ("an engine", "zeppelin or engine"),
        ("an engine", "zeppelin OR engine"),
    ],
)
async def test_what_is_found(rule: Any, content: str, words: str) -> None:
    assert await matches(rule, content, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (URL, "https://example.org/b/a"),
        ("example and org", "example.org"),
        ("日本語のテスト", "本日"),
        ("日本と国語", "日本語"),
        ("日本語のテスト", "猫"),
        ("カキ", "ガギ"),
        ("who is the one", '"The Who"'),
        (WHO, "The What"),
        ("an engine", "-engine"),
        ("an engine", "engine -an.engine"),
        ("an engine", "-"),
        ("an engine", '""'),
        ("an engine", '-"'),
        ("an engine", "& | ! ( ) : * ' \\ <->"),
        ("an engine", "…—。"),
        ("an engine", "engine zeppelin"),
    ],
)
async def test_what_is_not_found(rule: Any, content: str, words: str) -> None:
    assert not await matches(rule, content, words)


async def test_a_search_by_the_api_finds_the_post_and_no_other(ada: httpx.AsyncClient) -> None:
    content = f"{URL} 日本語のテスト Café {WHO}"
    for title, text in (("Mine", content), ("Another", "Nothing of that.")):
        answer = await ada.post("/api/posts", json={"title": title, "content": text})
        assert answer.status_code == 201
    for words in ("https://example.org/a/b?x=1", "日本語", "cafe", "The Who", '"the who"', "語 -x"):
        answer = await ada.get("/api/posts", params={"q": words})
        found = ["Mine"] if words != "語 -x" else []  # the address has an x
        assert [post["title"] for post in answer.json()] == found


# Of every script, and often of what makes addresses, numbers and phrases.
texts = st.text(
    st.one_of(
        st.sampled_from("aé1_-./~@:&?=+<> '日本ガ한ภ\u0301\u200d\uff9e\ufdfa"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    min_size=1,
    max_size=80,
)


@given(text=texts, before=texts, after=texts)
async def test_a_phrase_is_found_wherever_it_stands_between_spaces(
    rule: Any, text: str, before: str, after: str
) -> None:
    phrase = text.replace('"', " ")
    # A text of which nothing is indexed (an emoji, say) finds nothing.
    assume(await rule.fetchval("SELECT length(search_vector('', $1)) > 0", phrase))
    # A mark would join what comes before it.
    assert await matches(rule, f"{before} . {phrase} . {after}", f'"{phrase}"')


@given(query=texts, other=texts)
async def test_no_query_is_an_error(rule: Any, query: str, other: str) -> None:
    await matches(rule, other, query)
    await matches(rule, other, f'-{query} or "{other}" "')


# Words, and what makes a sentence of them, in the right places and in wrong ones.
sentences = st.lists(
    st.one_of(
        st.sampled_from([*" \n\t\v.:,;!?'\"()*#-&<_/\x1fé", ". ", ".) ", "**"]),
        st.from_regex("[A-Za-z0-9]{1,41}", fullmatch=True),
        st.sampled_from(["1e5", "3", "U.S.", "www.a.org ", "a:b ", "/tmp, "]),
    )
).map("".join)


@given(text=st.one_of(sentences, texts))
async def test_plain_sentences_have_the_words_that_cleaned_ones_have(rule: Any, text: str) -> None:
    assert await rule.fetchval(
        "SELECT search_vector('', $1) = to_tsvector('search_words', search_text(E'\\n' || $1))",
        text,
    )


@hypothesis_settings(max_examples=20)
@given(unit=texts)
async def test_the_longest_text_of_any_pattern_becomes_a_bounded_number_of_short_words(
    rule: Any, unit: str
) -> None:
    text = (unit * LONGEST)[:LONGEST]
    cleaned, size = await rule.fetchrow(
        "SELECT cleaned, pg_column_size(to_tsvector('search_words', cleaned)) "
        "FROM search_text($1) AS cleaned",
        text,
    )
    assert len(cleaned) <= 115_000
    assert max(map(len, re.split(r"\s", cleaned))) <= 40
    assert not re.search(r"[!-/:-@\[-`{-\x7f]", cleaned)
    assert size < 700_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a_" * 50_000, "a_a"),
        ("~/" * 50_000, "zeppelin"),
        ("./" * 50_000, "zeppelin"),
        ("1_" * 50_000, "1_1"),
        ("\u05b9" * 50_000 + "\u05b0" * 50_000, "zeppelin"),  # marks to be sorted
        ("\u0316\uff9e\u0301\uff9e" * 25_000, "zeppelin"),  # of what only becomes a mark
        ("\ufdfa" * LONGEST, "\u0627\u0644\u0644\u0647"),  # each is 18 characters
        ("".join(chr(0x20000 + n % 40_000) for n in range(LONGEST)), "\U00020000\U00020001"),
        ("".join(chr(0x4E00 + n * n % 20_000) for n in range(LONGEST)), "\u4e00\u4e01\u4e04"),
        (" ".join(f"{n:05x}" for n in range(16_000)), '"00000 00001"'),
        ("1e5e6e7. " * 11_000, "zeppelin"),  # indexed as it is
    ],
    ids=[
        "a_",
        "~/",
        "./",
        "1_",
        "marks",
        "late marks",
        "ligatures",
        "rare",
        "Han",
        "words",
        "plain",
    ],
)
async def test_the_longest_posts_are_stored_and_found(rule: Any, text: str, words: str) -> None:
    transaction = rule.transaction()
    await transaction.start()
    await rule.execute(
        "INSERT INTO users (username, email, password_hash) VALUES ('ada', 'a@b', '')"
    )
    await rule.execute(
        "INSERT INTO posts (user_id, title, content) SELECT id, 'Zeppelins', $1 FROM users", text
    )
    found = "SELECT count(*) FROM posts WHERE search @@ search_query($1)"
    assert await rule.fetchval(found, words) == 1
    await transaction.rollback()


async def test_all_words_of_a_long_english_post_are_found(ada: httpx.AsyncClient) -> None:
    content = ("weaving the patterns of it " * 4000)[: LONGEST - 10] + " zeppelin"
    assert (await ada.post("/api/posts", json={"title": "t", "content": content})).is_success
    found = await ada.get("/api/posts", params={"q": "zeppelin"})
    assert len(found.json()) == 1


async def test_a_changed_post_is_found_by_its_new_words_only(ada: httpx.AsyncClient) -> None:
    made = await ada.post("/api/posts", json={"title": "Looms", "content": "They weave."})
    path = made.headers["Location"]

    async def found(words: str) -> int:
        return len((await ada.get("/api/posts", params={"q": words})).json())

    assert (await ada.patch(path, json={"content": "They rest."})).is_success
    assert [await found(words) for words in ("loom", "weave", "rest")] == [1, 0, 1]
    assert (await ada.patch(path, json={"title": "Mills"})).is_success
    assert [await found(words) for words in ("loom", "mill", "rest")] == [0, 1, 1]

"""Whatever is written becomes HTML of bounded size, by bounded work, and of known tags."""

import re
from html.parser import HTMLParser

import pyromark
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skytier_app import markdown
from skytier_app.markdown import limits

MOST_CHARACTERS = 100_000
MOST_WRITTEN = 33_000
"""Events: docs/decisions/pages.md says what one costs."""

ATOMS = [
    *("*", "_", "**", "~~", "`", "``", "```", "~~~", "\\", "!", "^", "&", "&amp;", "&#1;", "'"),
    *("[", "]", "(", ")", "![", "](", "][", "]: ", "[a]", "[a]: u\n", "[a]: <", "[t](/u)", '"'),
    *("<", ">", "</", "<!--", "-->", "<?", "<!A", "<![CDATA[", "<b>", "<div>\n", "<a:b>"),
    *(" ", "  ", "    ", "\t", "\n", "\n\n", "\r", "\r\n", "  \n", "a", "\U00020000", "\0", "é"),
    *("> ", ">", "- ", "-", "+ ", "* ", "1. ", "7) ", "# ", "#", "---", "===", "\n-\n", "\n=\n"),
    *("|", "|-", "-|", ":-", "|x", "x|", "\n-|-\n", "|-|\n", "http://a", "<a@b.c>"),
]
some = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=5).map("".join)
repeated = st.builds(lambda unit, times: unit * times, some, st.sampled_from([1, 2, 40, 700, 4000]))
marker = st.sampled_from([">", "-", "+", "*", "1.", "123456789)"])
gap = st.sampled_from(["", " ", "  ", "   ", "    ", "\t", " \t", "  \t"])
nested = st.builds(
    lambda marks, times, end: "".join(map("".join, marks)) * times + end,
    st.lists(st.tuples(marker, gap), min_size=1, max_size=3),
    st.integers(20, 200),
    st.sampled_from(["", "a", "a\n", "\n"]),
)
contents = st.lists(st.one_of(some, repeated, nested), min_size=1, max_size=4).map(
    lambda parts: "".join(parts)[:MOST_CHARACTERS]
)


def repeat(unit: str, before: str = "", after: str = "") -> str:
    """As much of a text as a post takes."""
    times = (MOST_CHARACTERS - len(before) - len(after)) // len(unit)
    return before + unit * times + after


def halves(first: str, second: str, between: str = "") -> str:
    half = MOST_CHARACTERS // 2
    return first * (half // len(first)) + between + second * ((half - len(between)) // len(second))


# Inputs that made some Markdown parser slow or its output large.
PATHOLOGICAL = {
    "a long reference": "[a]: " + "\U00020000" * 20_000 + "\n\n" + "[a]x" * 1_700,
    "a long reference with escapes": "[a]: " + "x\\." * 16_000 + "\n\n" + "[a]" * 16_000,
    "a long reference title": "[a]: u '" + "t" * 50_000 + "'\n\n" + "[a]" * 16_000,
    "many references": repeat("[a]: u\n"),
    "different references": "".join(f"[{n}]: u\n" for n in range(9_000)),
    "references without an end": repeat("[a]: u (\n"),
    "wide tables": ("x|" * 198 + "\n" + "-|" * 198 + "\n" + "x\n" * 330 + "\n") * 68,
    "a table as wide as high": "x|" * 12_000 + "\n" + "-|" * 12_000 + "\n" + "x\n" * 25_000,
    "a table of 127 columns": "x|" * 127 + "\n" + "-|" * 127 + "\n" + "x\n" * 49_000,
    "small tables": repeat("a|\n-|\n\n"),
    "heads of tables": repeat("a|b\n-|-\n"),
    "rows of pipes": repeat("|\n", "a|b\n-|-\n"),
    "quotes in quotes": repeat(">", after="a"),
    "quotes in quotes, and lines": halves("> ", "b\n", "a\n"),
    "ever deeper quotes": "".join(">" * n + "a\n" for n in range(440)),
    "lists in lists": repeat("- ", after="a"),
    "numbers in numbers": repeat("1. ", after="a"),
    "lists in quotes in lists": repeat("> - ", after="a"),
    "lists in lists, and blank lines": halves("- ", "\n", "a"),
    "lists in lists, and lines": halves("- ", "b\n", "a\n"),
    "ever deeper lists": "".join("  " * n + "- a\n" for n in range(310)),
    "ever deeper lists with tabs": "".join("\t" * n + "- a\n" for n in range(440)),
    "ever deeper lists, and blank lines": "".join("  " * n + "- a\n" for n in range(200))
    + "\n" * 50_000,
    "lists of other markers": repeat("*\n-\n+\n"),
    "empty items": repeat("-\n"),
    "emphasis in emphasis": halves("*a **a ", "b** b* "),
    "beginnings of emphasis": repeat("*_"),
    "beginnings and ends of emphasis": repeat("a***"),
    "emphasis that does not fit": repeat("_a* "),
    "strikethrough": repeat("~a~"),
    "opening brackets": repeat("["),
    "brackets in brackets": halves("[", "]", "a"),
    "links without an end": repeat("[a](<b"),
    "links in links": repeat("[a](b"),
    "parentheses in a link": repeat("(", "[a]("),
    "images in images": halves("![", "](a)"),
    "links of one letter": repeat("[t](/u) "),
    "addresses": repeat("<a@b.c> "),
    "backticks": "".join("e" + "`" * n for n in range(446)),
    "pairs of backticks": repeat("``a`"),
    "fences": repeat("```\n"),
    "comments without an end": repeat("<!--", "a"),
    "tags without an end": repeat("<a b='"),
    "declarations": repeat("a <![CDATA["),
    "tags": repeat("<b>"),
    "ampersands": repeat("&"),
    "quotation marks in a link": "[a](/" + '"' * 90_000 + ")",
    "a title of quotation marks": "[a](/ '" + '"' * 90_000 + "')",
    "a language of quotation marks": "```" + '"' * 90_000 + "\n",
    "headings": repeat("#\n"),
    "lines": repeat("a\n"),
    "empty lines": repeat("\n"),
    "paragraphs": repeat("a\n\n"),
    "spaces": repeat(" ", after="a"),
    "spaces at the end": repeat(" ", "a"),
    "tabs": repeat("\t", after="a"),
    "hyphens": repeat("-", after="a"),
    "hyphens and spaces": repeat("- :", after="a"),
    "digits": repeat("1", after="a"),
    "carriage returns": repeat("\r"),
    "backslashes": repeat("\\"),
}


@pytest.mark.timeout(60)  # what is quadratic takes minutes
@pytest.mark.parametrize("content", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_what_was_slow_elsewhere_is_bounded(content: str) -> None:
    assert len(content) <= MOST_CHARACTERS
    assert_bounded(content)


@pytest.mark.parametrize("content", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_what_was_slow_elsewhere_is_written_by_bounded_work(content: str) -> None:
    """Counted, not timed: the same on every machine."""
    assert events_written(content) <= MOST_WRITTEN


@given(contents)
def test_anything_is_written_by_bounded_work(content: str) -> None:
    assert events_written(content) <= MOST_WRITTEN


def test_the_bound_of_the_work_is_met() -> None:
    """So what is counted is the work, and a larger bound would be seen."""
    assert max(map(events_written, PATHOLOGICAL.values())) == MOST_WRITTEN


def events_written(content: str) -> int:
    """How many of the parser's events the writer is given for a content."""
    count = 0

    class Counting(markdown.Writer):
        def write(self, event: object) -> None:
            nonlocal count
            count += 1
            super().write(event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown, "Writer", Counting)
        markdown.to_html(content)
    return count


@given(contents)
def test_any_html_is_bounded(content: str) -> None:
    assert_bounded(content)


def assert_bounded(content: str) -> None:
    html = markdown.to_html(content)
    assert len(html.encode()) <= 5 * len(content.encode()) + 10_000
    assert len(markdown.excerpt(content)) <= 282


@given(contents)
def test_the_parser_makes_no_more_than_a_post_is_long(content: str) -> None:
    """Events and depth are counted: they are the parser's work."""
    content = re.sub("\r\n?", "\n", content)
    if not limits.parses_in_linear_time(content):
        return
    depth = deepest = count = 0
    for event in markdown._parser.events(content):
        count += 1
        if isinstance(event, dict):
            kind, tag = next(iter(event.items()))
            name = tag if isinstance(tag, str) else next(iter(tag), "")
            if kind in ("Start", "End") and name in ("BlockQuote", "Item"):
                depth += 1 if kind == "Start" else -1
                deepest = max(deepest, depth)
    assert count <= 10 * len(content) + 10
    assert deepest <= 66  # a tab may stand for two


def test_a_list_of_posts_reads_only_their_beginnings() -> None:
    content = "word " * 20_000
    assert markdown.excerpt(content) == markdown.excerpt(content[: markdown.EXCERPT_READS])


ROW = "| 12.5 " * 10 + "|\n"


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(f"{'  ' * n}- a" for n in range(30)),
        "> " * 30 + "a",
        "| a | b | c |\n|---|---|---|\n" + "| 1 |\n" * 300,
        ("|" + " 12.5 |" * 10 + "\n")
        + ("|" + "---|" * 10 + "\n")
        + ("|" + " 12.5 |" * 10 + "\n") * 1000,
        "A line of text that is as long as lines are.\n" * 2_200,
        "- [An item](https://example.org/of-a-list) of links\n" * 1_900,
        "    an indented line of code\n" * 3_400,
        " " * 90 + "a line far to the right\n\n" + " " * 60 + "> and another",
    ],
)
def test_large_posts_that_people_write_are_not_plain_text(content: str) -> None:
    assert len(content) <= MOST_CHARACTERS
    expected = pyromark.html(content, options=pyromark.Options.ENABLE_TABLES)
    assert tags(markdown.to_html(content)) == tags(expected)


ATTRIBUTES = {
    "a": {"href", "title", "rel"},
    "code": {"class"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
TAGS = {
    *("a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr"),
    *("li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


SCHEMES = {"http", "https", "mailto"}


class Reader(HTMLParser):
    """Reads HTML, in which every tag that is open must be closed, and in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    handle_comment = handle_pi = unknown_decl = handle_decl


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def tags(html: str) -> list[str]:
    return [tag for tag, _ in read(html).tags]


@given(contents)
def test_any_html_has_only_what_is_allowed(content: str) -> None:
    for tag, attributes in read(markdown.to_html(content)).tags:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES.get(tag, set())
        scheme = re.match("([^/?#]*?):", attributes.get("href") or "")
        assert (
            scheme is None or scheme[1].lower() in ("http", "https", "mailto") or "%" in scheme[1]
        )


column = st.sampled_from(["-", "---", ":-", ":--", "-:", "--:", ":-:", ":---:"])
tables = st.builds(
    lambda before, columns, rows: "\n".join(
        before + "|" + "|".join(cells) + "|"
        for cells in (["a"] * len(columns), columns, *(["b"] * count for count in rows))
    ),
    st.sampled_from(["", "> ", "  "]),
    st.lists(column, min_size=1, max_size=6),
    # Rows that are shorter and longer than the head, too.
    st.lists(st.integers(1, 8), max_size=4),
)


@given(st.lists(tables, min_size=1, max_size=3).map("\n\n".join))
def test_each_cell_of_a_table_is_aligned_as_its_column(content: str) -> None:
    assert_as_the_parsers_own(content)
    assert "table" in tags(markdown.to_html(content))


# A carriage return ends a line in CommonMark; the parser alone does not take every one for that.
without_html = contents.map(lambda content: re.sub("[<!]", "", content).replace("\r", "\n"))


@given(without_html)
def test_html_has_the_tags_and_words_of_the_parsers_own(content: str) -> None:
    """Where neither HTML nor images are, and no limit is met."""
    assert_as_the_parsers_own(content)


def assert_as_the_parsers_own(content: str) -> None:
    found = read(markdown.to_html(content))
    assume(found.tags != [("pre", {})])
    options = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
    expected = read(pyromark.html(content, options=options))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in expected.tags]
    assert found.text.split() == expected.text.split()
    for name in ("start", "href", "title"):
        assert [attributes.get(name) for _, attributes in found.tags] == [
            attributes.get(name) for _, attributes in expected.tags
        ]
    # The parser aligns by a style, which the policy for content does not let through.
    alignments = [attributes.get("style") or "" for _, attributes in expected.tags]
    assert [attributes.get("align") for _, attributes in found.tags] == [
        style.removeprefix("text-align: ") or None for style in alignments
    ]

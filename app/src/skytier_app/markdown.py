"""A post's content, which is Markdown, as safe HTML and as a few words of text."""

from collections.abc import Iterable
from itertools import pairwise

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

# CommonMark without HTML of the author's own; what comes out is cleaned all the same.
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(
    ["table", "strikethrough"]
)
# fmt: off
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}
# fmt: on


def to_html(content: str) -> str:
    """The content as HTML with text, links, lists, code and tables in it, and nothing that runs.

    Images become nothing: a page here asks no other host for anything. Links tell search engines
    that visitors wrote them.
    """
    return nh3.clean(
        _markdown.render(content),
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener",
    )


def excerpt(content: str, length: int = 280) -> str:
    """The first words of the content's paragraphs as plain text, at most `length` characters."""
    # What comes after is not read: a list of posts needs the beginning of each.
    tokens = _markdown.parse(content[: length * 3])
    paragraphs = [each for before, each in pairwise(tokens) if before.type == "paragraph_open"]
    # Without a paragraph it may be a heading, a table or code.
    text = _plain(paragraphs) or _plain(tokens) or _one_line(content[:length])
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0] + " …"


def _plain(tokens: Iterable[Token]) -> str:
    return _one_line(" ".join("".join(map(_words, each.children or ())) for each in tokens))


def _words(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return token.content if token.type in ("text", "code_inline") else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())

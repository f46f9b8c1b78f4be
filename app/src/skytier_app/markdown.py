"""A post's content, which is Markdown, as safe HTML and as a few words of text."""

import html
import re

import nh3
from markdown_it import MarkdownIt

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
_SPACE = re.compile(r"\s+")


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
    """The first words of the content as plain text, at most `length` characters."""
    # What comes after is not rendered: a list of posts needs the beginning of each.
    rendered = nh3.clean(_markdown.render(content[: length * 3]), tags=set())
    text = _SPACE.sub(" ", html.unescape(rendered)).strip()
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0] + " …"

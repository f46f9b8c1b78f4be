"""A post's content, which is Markdown, as safe HTML and as a few words of text.

Time and size are linear in the content's length, whatever it says. What would pass a limit is
shown as plain text.
"""

from html import escape
from itertools import islice
from typing import Any

import pyromark

from skytier_app.markdown import limits
from skytier_app.markdown.words import words
from skytier_app.markdown.writer import Writer

# CommonMark with tables and strikethrough.
_parser = pyromark.Markdown(
    options=pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
)


_EXCERPT = 280
_READS = 3
EXCERPT_READS = _EXCERPT * _READS
"""An excerpt is made from this many characters: the rest of a content need not be read."""


def to_html(content: str) -> str:
    """The content as HTML: text, links, lists, code and tables, and nothing that runs.

    HTML in the content is shown as text, and an image as a link to it.
    """
    most = limits.most_bytes(content)
    html = _render(content, most)
    if html is None or len(html.encode()) > most:
        return f"<pre>{escape(content, quote=False)}</pre>\n"
    return html


def excerpt(content: str, length: int = _EXCERPT) -> str:
    """The first words of the content's paragraphs as plain text, at most `length` characters."""
    beginning = content[: length * _READS]
    text = words(_parse(beginning) or ()) or " ".join(beginning.split())
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0] + " …"


def _parse(content: str) -> Any:
    """An iterator of the parser's events, or None when making them would take too long."""
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    return _parser.events(content) if limits.parses_in_linear_time(content) else None


def _render(content: str, most: int) -> str | None:
    """The content as HTML, or None when it would pass a limit."""
    events = _parse(content)
    if events is None:
        return None
    writer = Writer()
    for event in islice(events, limits.MOST_EVENTS):
        writer.write(event)
        if writer.length > most:
            return None
    return None if next(events, None) else writer.html()

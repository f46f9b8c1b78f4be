"""The parser's events as plain text."""

from collections.abc import Iterable
from typing import Any

_TEXTS = {"Text", "Code", "Html", "InlineHtml"}
_INLINE = {"Emphasis", "Strong", "Strikethrough", "Link", "Image"}
_ASIDE = {"Heading", "CodeBlock", "Table"}


def words(events: Iterable[Any]) -> str:
    """The text of all paragraphs on one line.

    Without a paragraph it is the text of whatever there is: headings, tables, code.
    """
    everything: list[str] = []
    paragraphs: list[str] = []
    target = paragraphs
    for event in events:
        piece = " "
        if not isinstance(event, str):
            [(kind, value)] = event.items()
            if kind in _TEXTS:
                piece = value
            else:
                name = value if isinstance(value, str) else next(iter(value))
                if name in _INLINE:
                    piece = ""
                elif name in _ASIDE:
                    target = everything if kind == "Start" else paragraphs
        everything.append(piece)
        if target is paragraphs:
            paragraphs.append(piece)
    return " ".join("".join(paragraphs).split()) or " ".join("".join(everything).split())

"""The parser's events as HTML."""

import re
from html import escape
from typing import Any
from urllib.parse import quote

# These tags, and those with attributes below, are all that is ever written.
_STARTS = {
    "Paragraph": "<p>",
    "HtmlBlock": "<p>",
    "BlockQuote": "<blockquote>\n",
    "Item": "<li>",
    "Emphasis": "<em>",
    "Strong": "<strong>",
    "Strikethrough": "<del>",
}
_ENDS = {
    "Paragraph": "</p>\n",
    "HtmlBlock": "</p>\n",
    "BlockQuote": "</blockquote>\n",
    "Item": "</li>\n",
    "CodeBlock": "</code></pre>\n",
    "Table": "</tbody>\n</table>\n",
    "TableHead": "</tr>\n</thead>\n<tbody>\n",
    "TableRow": "</tr>\n",
    "Emphasis": "</em>",
    "Strong": "</strong>",
    "Strikethrough": "</del>",
}
_MARKS = {"SoftBreak": "\n", "HardBreak": "<br>\n", "Rule": "<hr>\n"}
_ALIGNED = {
    "None": "",
    "Left": ' align="left"',
    "Center": ' align="center"',
    "Right": ' align="right"',
}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.IGNORECASE)
_is_plain = re.compile("[A-Za-z0-9./_-]*").fullmatch
_SCHEMES = {"http", "https", "mailto"}


class Writer:
    """Writes HTML with few tags; everything else in an event becomes text.

    `length` is how many characters are written so far.
    """

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []
        self._alignments: tuple[str, ...] = ()
        self._column = 0
        self._cell = "th"
        # Links that are open: the end tag, what an image without a description shows, and
        # `length` where the text begins.
        self._links: list[tuple[str, str, int]] = []
        self._in_link = False

    def html(self) -> str:
        """All that was written."""
        return "".join(self._pieces)

    def write(self, event: Any) -> None:
        """Write one event."""
        if isinstance(event, str):
            piece = _MARKS[event]
        else:
            [(kind, value)] = event.items()
            if kind == "Start":
                # Most tags are in the tables: looked up before anything else.
                piece = (isinstance(value, str) and _STARTS.get(value)) or self._start(value)
            elif kind == "End":
                piece = (isinstance(value, str) and _ENDS.get(value)) or self._end(value)
            else:
                text = escape(value, quote=False)
                piece = f"<code>{text}</code>" if kind == "Code" else text
        self._pieces.append(piece)
        self.length += len(piece)

    def _start(self, tag: Any) -> str:
        name, value = _name_and_value(tag)
        if name in _STARTS:
            return _STARTS[name]
        if name == "TableCell":
            self._column += 1
            return f"<{self._cell}{_ALIGNED[self._alignments[self._column - 1]]}>"
        if name in ("TableHead", "TableRow"):
            self._column = 0
            self._cell = "th" if name == "TableHead" else "td"
            return "<thead>\n<tr>" if name == "TableHead" else "<tr>"
        if name == "Table":
            self._alignments = value
            return "<table>\n"
        if name == "Heading":
            return f"<{value['level'].lower()}>"
        if name == "List":
            return "<ul>\n" if value is None else _ordered_list(value)
        if name == "CodeBlock":
            return _code_block("" if value == "Indented" else value["Fenced"])
        return self._start_link(name, value)

    def _end(self, tag: Any) -> str:
        name, value = _name_and_value(tag)
        if name in _ENDS:
            return _ENDS[name]
        if name == "TableCell":
            return f"</{self._cell}>"
        if name == "Heading":
            return f"</{value.lower()}>\n"
        if name == "List":
            return "</ol>\n" if value else "</ul>\n"
        return self._end_link()

    def _start_link(self, name: str, link: Any) -> str:
        address = link["dest_url"]
        if link["link_type"] == "Email":
            address = f"mailto:{address}"
        if not _is_plain(address):
            # Percent-encoded first: browsers drop tabs and line feeds, also from a scheme.
            address = quote(address, safe="!#$%&'()*+,-./:;=?@[]_~")
        scheme = _SCHEME.match(address)
        start = end = ""
        # An image's description may hold links, and a link images: only the outer one is a link.
        if not self._in_link and (not scheme or scheme[0].lower() in _SCHEMES):
            title = f' title="{escape(link["title"])}"' if link["title"] else ""
            start = f'<a href="{escape(address)}"{title} rel="nofollow ugc noopener">'
            end = "</a>"
            self._in_link = True
        shown = escape(address, quote=False) if name == "Image" else ""
        self._links.append((end, shown, self.length + len(start)))
        return start

    def _end_link(self) -> str:
        end, shown, begun = self._links.pop()
        if end:
            self._in_link = False
        return shown + end if self.length == begun else end


def _name_and_value(tag: Any) -> tuple[str, Any]:
    return (tag, None) if isinstance(tag, str) else next(iter(tag.items()))


def _ordered_list(start: int) -> str:
    return "<ol>\n" if start == 1 else f'<ol start="{start}">\n'


def _code_block(info: str) -> str:
    language = info.split(maxsplit=1)[:1]
    return f'<pre><code class="language-{escape(language[0])}">' if language else "<pre><code>"

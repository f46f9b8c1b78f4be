"""Of SQL that pg_dump or pg_restore wrote: what an import passes on to psql.

It is also run as a program, from the standard input to the standard output, by the Python of a
server. So it needs nothing beside the standard library.
"""

import re
import sys
from collections.abc import Iterable, Iterator

COMPLETE = b"-- PostgreSQL database dump complete"
_COPY = re.compile(rb"COPY .* FROM stdin;\r?$", re.IGNORECASE)
_END_OF_COPY = b"\\."
_LEFT_OUT = re.compile(
    # The import is one transaction already. pg_dump has one of its own around large objects.
    rb"(BEGIN|COMMIT);\s*$"
    # So has psql its restriction, which knows no second one.
    rb"|\\(un)?restrict \w+\s*$"
    # Settings of a newer PostgreSQL that an older one does not know.
    rb"|SET (transaction_timeout|default_toast_compression) = .*;\s*$"
    # An extension has its comment anyhow, and it may be the superuser's.
    rb"|COMMENT ON EXTENSION .*;\s*$"
    # It is of the stack, and stays.
    rb"|CREATE SCHEMA skytier_jobs;\s*$"
)
_BEGINS = re.compile(
    rb"(?P<comment>--.*)|(?P<block>/\*)|(?P<escaped>(?<![\w\x80-\xff])[eE]')|(?P<text>')"
    rb'|(?P<name>")|(?P<dollar>(?<![\w\x80-\xff$])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$)'
)
_ENDS = {
    "escaped": re.compile(rb"(?:[^'\\]|\\.|'')*?'(?!')", re.DOTALL),
    "text": re.compile(rb"(?:[^']|'')*?'(?!')", re.DOTALL),
    "name": re.compile(rb'[^"]*"'),
}
_BLOCK = re.compile(rb"/\*|\*/")


class Lexer:
    """Knows after each line whether a text, a quoted name or a comment goes on in the next one."""

    def __init__(self) -> None:
        self.inside = ""
        """`text`, `escaped`, `name`, `dollar` or `block`; empty at the level of statements."""
        self._tag = b""
        self._depth = 0

    def read(self, line: bytes) -> None:
        """Take the next line, with its end."""
        place = 0
        while place < len(line):
            if self.inside:
                place = self._end(line, place)
            elif not (begin := _BEGINS.search(line, place)):
                return
            else:
                place = begin.end()
                if begin.lastgroup != "comment":
                    self.inside, self._tag, self._depth = str(begin.lastgroup), begin[0], 1

    def _end(self, line: bytes, place: int) -> int:
        """The place after what goes on at `place`, or the end of the line."""
        if self.inside == "dollar":
            found = line.find(self._tag, place)
            end = found + len(self._tag) if found >= 0 else -1
        elif self.inside == "block":
            if not (mark := _BLOCK.search(line, place)):
                return len(line)
            self._depth += 1 if mark[0] == b"/*" else -1
            end = mark.end() if not self._depth else -1
            if end < 0:
                return mark.end()
        else:
            match = _ENDS[self.inside].match(line, place)
            end = match.end() if match else -1
        if end < 0:
            return len(line)
        self.inside = ""
        return end


def passed_on(lines: Iterable[bytes], seen: list[bytes] | None = None) -> Iterator[bytes]:
    """The lines without those that are left out; `seen` gets COMPLETE where it stands.

    Rows of COPY, texts and bodies of functions are passed on as they are.
    """
    lexer, rows = Lexer(), False
    for line in lines:
        if rows:
            rows = line.rstrip(b"\r\n") != _END_OF_COPY
        elif not lexer.inside and _LEFT_OUT.match(line):
            continue
        else:
            if seen is not None and not lexer.inside and line.startswith(COMPLETE):
                seen.append(COMPLETE)
            rows = not lexer.inside and bool(_COPY.match(line))
            if not rows:
                lexer.read(line)
        yield line


if __name__ == "__main__":
    for line in passed_on(sys.stdin.buffer):
        sys.stdout.buffer.write(line)

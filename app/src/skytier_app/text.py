"""The forms of text that the API takes. OpenAPI states them; the database checks lengths."""

from typing import Annotated

import email_validator
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints

# Sets of Unicode characters. Not all clients' regular expressions know `\p{...}`, nor do they have
# one escape for characters above U+FFFF: those are written as themselves.
# Controls (Cc), separators of lines and paragraphs (Zl, Zp), and what changes the direction.
_NOT_IN_A_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029" r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Spaces (Zs), private use (Co), fillers, and what is not displayed: formats (Cf) and selectors.
_NOT_SEEN = (
    r"\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
    "\\ue000-\\uf8ff\U000f0000-\U0010ffff"
    r"\u115f\u1160\u2800\u3164\uffa0"
    r"\xad\u034f\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufdd0-\ufdef"
    r"\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

USERNAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"
LINE_PATTERN = f"^[^{_NOT_IN_A_LINE}]*[^{_NOT_IN_A_LINE}{_NOT_SEEN}][^{_NOT_IN_A_LINE}]*$"
# PostgreSQL's text has no NUL; line breaks and tabs are welcome.
TEXT_PATTERN = rf"^[^\x00]*[^{_NOT_IN_A_LINE}{_NOT_SEEN}][^\x00]*$"
NO_NUL_PATTERN = r"^[^\x00]*$"
# 16 bytes in URL-safe Base64 without its padding: the last character carries two bits.
CURSOR_PATTERN = r"^[A-Za-z0-9_\-]{21}[AQgw]$"
SESSION_ID_PATTERN = r"^[0-9a-f]{32}$"

PATTERN_WORDS = {
    USERNAME_PATTERN: "This takes letters, digits, `_`, `.` and `-`, and a letter or digit first.",
    LINE_PATTERN: "This takes one line with something to see on it, without control characters "
    "and characters that change the direction of text.",
    TEXT_PATTERN: "This takes text with something to see in it, and no NUL character.",
    NO_NUL_PATTERN: "This takes text without the NUL character.",
    CURSOR_PATTERN: "This is no cursor from a `Link` header.",
    SESSION_ID_PATTERN: "This is no id of a session.",
}
"""What a client reads when its text does not match: nobody should have to read a pattern."""


def pattern_words(pattern: str) -> str:
    """A sentence for a text that does not match the pattern."""
    return PATTERN_WORDS.get(pattern, "This does not have the form that the API document states.")


# No mail is sent from here: names that only a local network knows (.local, home.arpa, .internal)
# are as good as others. The library means its list to be changed like this.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def _email(value: str) -> str:
    try:
        found = validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.normalized


Username = Annotated[
    str,
    StringConstraints(min_length=3, max_length=50, pattern=USERNAME_PATTERN),
    Field(
        description="Letters, digits, `_`, `.` and `-`; unique whatever the case.", examples=["ada"]
    ),
]
Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email"}, examples=["ada@example.org"]),
]
Password = Annotated[
    str,
    StringConstraints(min_length=8, max_length=128, pattern=NO_NUL_PATTERN),
    Field(json_schema_extra={"format": "password"}, examples=["a long and private sentence"]),
]
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN),
    Field(examples=["On engines"]),
]
Content = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100_000, pattern=TEXT_PATTERN),
    Field(description="Markdown.", examples=["It *weaves* algebraic patterns."]),
]
TokenName = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=LINE_PATTERN)]
Search = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL_PATTERN)]

"""The forms of text that the API takes. OpenAPI states them, and the database checks them too."""

from typing import Annotated

import email_validator
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints

USERNAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"
# One line with something to see on it: no control characters, and not only spaces.
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
# PostgreSQL's text has no NUL; line breaks and tabs are welcome.
TEXT_PATTERN = r"^[^\x00]*[^\x00-\x20][^\x00]*$"
NO_NUL_PATTERN = r"^[^\x00]*$"
# 16 bytes in URL-safe Base64 without its padding: the last character carries two bits.
CURSOR_PATTERN = r"^[A-Za-z0-9_\-]{21}[AQgw]$"
SESSION_ID_PATTERN = r"^[0-9a-f]{32}$"

PATTERN_WORDS = {
    USERNAME_PATTERN: "This takes letters, digits, `_`, `.` and `-`, and a letter or digit first.",
    LINE_PATTERN: "This takes one line with something to see on it, and no control characters.",
    TEXT_PATTERN: "This takes text with something to see in it, and no NUL character.",
    NO_NUL_PATTERN: "This takes text without the NUL character.",
    CURSOR_PATTERN: "This is no cursor from a `Link` header.",
    SESSION_ID_PATTERN: "This is no id of a session.",
}
"""What a text that does not match a pattern is told: nobody should have to read a pattern."""


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

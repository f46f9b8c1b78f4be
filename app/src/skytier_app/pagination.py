"""Keyset pagination: newest first, by (created_at, id), with an opaque cursor."""

import base64
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from skytier_app.text import CURSOR_PATTERN
from skytier_app.whole_number import PLAIN

_FORMAT = ">qq"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND

Position = tuple[datetime, int]
"""Where a page begins: after the row with this (created_at, id)."""


class Row(Protocol):
    """What a list is made of: it has `created_at` and `id`."""

    def __getitem__(self, name: str, /) -> Any: ...


class PageQuery(BaseModel):
    """The parameters of every list. An unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=100), PLAIN] = Field(
        default=20, description="The largest number of rows to answer."
    )
    cursor: Annotated[str, StringConstraints(pattern=CURSOR_PATTERN)] | None = Field(
        default=None,
        description="Where the page begins: from the `Link` header of the page before.",
    )

    def position(self) -> Position | None:
        """The cursor's position; None for the first page."""
        if self.cursor is None:
            return None
        packed = base64.b64decode(self.cursor + "==", altchars=b"-_", validate=True)
        microseconds, row_id = struct.unpack(_FORMAT, packed)
        # A forged cursor may lie outside the range of times: it stands before or after all rows.
        return _EPOCH + min(max(microseconds, _EARLIEST), _LATEST) * _MICROSECOND, row_id


def encode_cursor(created_at: datetime, row_id: int) -> str:
    """The opaque cursor of a row."""
    microseconds = (created_at - _EPOCH) // _MICROSECOND
    packed = struct.pack(_FORMAT, microseconds, row_id)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def next_address(path: str, rows: Sequence[Row], query: PageQuery) -> str | None:
    """The address of the page after `rows`, which are one more than the limit; None at the end."""
    if len(rows) <= query.limit:
        return None
    last = rows[query.limit - 1]
    parameters = query.model_dump(exclude_defaults=True)
    parameters["cursor"] = encode_cursor(last["created_at"], last["id"])
    return f"{path}?{urlencode(parameters)}"


def next_link(path: str, rows: Sequence[Row], query: PageQuery) -> dict[str, str]:
    """The `Link` header to the page after `rows`; nothing at the end."""
    address = next_address(path, rows, query)
    return {"Link": f'<{address}>; rel="next"'} if address else {}

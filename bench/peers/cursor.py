"""The cursor that all of them take and give: where a page ends, as the application writes it."""

import base64
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode(cursor: str) -> tuple[datetime, int]:
    """When the last row was made, and its id. Raises ValueError."""
    try:
        microseconds, row_id = struct.unpack(">qq", base64.urlsafe_b64decode(cursor + "=="))
    except struct.error as error:
        raise ValueError(str(error)) from None
    return EPOCH + timedelta(microseconds=microseconds), row_id


def encode(created_at: datetime, row_id: int) -> str:
    """The cursor of a row."""
    microseconds = (created_at - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(struct.pack(">qq", microseconds, row_id)).decode().rstrip("=")


def link(last: Mapping[str, Any], limit: int, q: str | None) -> str:
    """The `Link` header to the page after the one that ends with this row."""
    parameters = {} if limit == 20 else {"limit": limit}
    parameters |= {"q": q} if q else {}
    parameters["cursor"] = encode(last["created_at"], last["id"])
    return f'</api/posts?{urlencode(parameters)}>; rel="next"'

"""What goes into and comes out of `/api/tokens`."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from skytier_app.text import Password, TokenName


class Scope(StrEnum):
    """What a token may do: `read` everything that its user may read, or `write` as well."""

    READ = "read"
    WRITE = "write"


def _whole(value: object) -> object:
    """`90.0` is an integer in JSON Schema, and so to its tools."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: TokenName
    scope: Scope = Scope.WRITE
    expires_in_days: Annotated[int, BeforeValidator(_whole)] = Field(
        default=0, ge=0, le=3650, strict=True, description="0: it is valid until it is revoked."
    )
    current_password: Password


class Token(BaseModel):
    """A token as it is listed."""

    id: int
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class CreatedToken(Token):
    """A token as it is answered once, when it is made."""

    token: str

"""The account that makes a request."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True)
class Account:
    """A user who has signed in, or whose API token is valid."""

    id: int
    username: str
    email: str
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Account":
        """From a row with these columns."""
        return cls(row["id"], row["username"], row["email"], row["is_admin"], row["created_at"])

"""Whose an API token is, and what it may do."""

from collections.abc import Collection
from typing import NamedTuple

from skytier_app.accounts import Account
from skytier_app.batching import Batch
from skytier_app.database import Database
from skytier_app.secret_token import token_hash


class Shown(NamedTuple):
    """An API token that a request shows."""

    account: Account
    may_write: bool


class Tokens:
    """The API tokens of a database: one statement for all who show theirs at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shown = Batch(self._find)

    async def find(self, token: str) -> Shown | None:
        """None for a token that is not known or has expired. Raises DatabaseUnavailable."""
        return await self._shown.get(token_hash(token))

    async def _find(self, hashes: Collection[bytes]) -> dict[bytes, Shown]:
        rows = await self._database.fetch(
            """
            SELECT token_hash, users.id, username, email, is_admin, users.created_at,
                   api_tokens.id AS token_id, scope,
                   coalesce(last_used_at < now() - interval '1 minute', true) AS note_use
            FROM api_tokens JOIN users ON users.id = user_id
            WHERE token_hash = ANY($1) AND (api_tokens.expires_at IS NULL
                                            OR api_tokens.expires_at > now())
            """,
            hashes,
        )
        # Once a minute is enough, and spares a write for each request.
        if used := [row["token_id"] for row in rows if row["note_use"]]:
            # Another worker may just be noting the same: that will do.
            await self._database.execute(
                """
                UPDATE api_tokens SET last_used_at = now() WHERE id IN (
                    SELECT id FROM api_tokens WHERE id = ANY($1) FOR UPDATE SKIP LOCKED
                )
                """,
                used,
            )
        return {row["token_hash"]: Shown(Account.of(row), row["scope"] == "write") for row in rows}

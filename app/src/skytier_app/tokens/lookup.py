"""Whose an API token is."""

from collections.abc import Collection

from skytier_app.accounts import Account
from skytier_app.database import Database
from skytier_app.secret_token import token_hash
from skytier_app.together import Batch


class Tokens:
    """The API tokens of a database: one statement for all who show theirs at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts = Batch(self._find)

    async def account(self, token: str) -> Account | None:
        """None for a token that is not known. Raises DatabaseUnavailable."""
        return await self._accounts.get(token_hash(token))

    async def _find(self, hashes: Collection[bytes]) -> dict[bytes, Account]:
        rows = await self._database.fetch(
            """
            SELECT token_hash, users.id, username, email, is_admin, users.created_at,
                   api_tokens.id AS token_id,
                   coalesce(last_used_at < now() - interval '1 minute', true) AS note_use
            FROM api_tokens JOIN users ON users.id = user_id WHERE token_hash = ANY($1)
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
        return {row["token_hash"]: Account.of(row) for row in rows}

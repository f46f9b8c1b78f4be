"""Answers to requests with an Idempotency-Key.

The release before works with it: it does not know the table.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    # The reference to users needs a short lock on them. Rather fail than hold up all who wait.
    "SET LOCAL lock_timeout = '5s'",
    """
    CREATE TABLE idempotency_keys (
        key_hash    bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
        user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
        fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
        salt        bytea NOT NULL CHECK (octet_length(salt) = 32),
        answer      bytea NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX idempotency_keys_of_user ON idempotency_keys (user_id, created_at)",
    "CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

"""The security log, where a session was begun, and what an API token may do until when.

The release before works with it: it leaves out the columns that it does not know, and takes every
token for one that may write and does not expire, as all are that it made.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # Each ALTER is done in a moment once it has its lock; to wait long for the lock would hold up
    # everybody who comes after. Who migrates tries again.
    "SET LOCAL lock_timeout = '5s'",
    "ALTER TABLE sessions ADD COLUMN address text, ADD COLUMN user_agent text",
    """
    ALTER TABLE api_tokens ADD COLUMN scope text NOT NULL DEFAULT 'write',
                           ADD COLUMN expires_at timestamptz
    """,
    # Not valid: for new rows only. The others have the default, and need no reading.
    """
    ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_scope_check
        CHECK (scope IN ('read', 'write')) NOT VALID
    """,
    """
    CREATE TABLE security_events (
        id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
        kind       text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        address    text,
        user_agent text,
        subject    text,
        actor      text
    )
    """,
    "CREATE INDEX security_events_of_user ON security_events (user_id, kind, id)",
    "CREATE INDEX security_events_age ON security_events (created_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

"""Users, posts, sessions, API tokens and rate limits.

Expand only: a release before the next one must still work with what a migration leaves.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE users (
        id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        username      text NOT NULL CHECK (char_length(username) BETWEEN 3 AND 50),
        email         text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254
                                           AND position('@' IN email) > 1),
        password_hash text NOT NULL CHECK (char_length(password_hash) <= 255),
        is_admin      boolean NOT NULL DEFAULT false,
        created_at    timestamptz NOT NULL DEFAULT now(),
        updated_at    timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX users_username_key ON users (lower(username))",
    "CREATE UNIQUE INDEX users_email_key ON users (lower(email))",
    "CREATE INDEX users_newest ON users (created_at DESC, id DESC)",
    # A user's posts, sessions and tokens go with the user.
    """
    CREATE TABLE posts (
        id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
        title      text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
        content    text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 100000),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        search     tsvector NOT NULL GENERATED ALWAYS AS (
            setweight(to_tsvector('english', title), 'A') || to_tsvector('english', content)
        ) STORED
    )
    """,
    "CREATE INDEX posts_newest ON posts (created_at DESC, id DESC)",
    "CREATE INDEX posts_newest_of_user ON posts (user_id, created_at DESC, id DESC)",
    "CREATE INDEX posts_search ON posts USING gin (search)",
    """
    CREATE TABLE sessions (
        token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
        user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sessions_of_user ON sessions (user_id)",
    "CREATE INDEX sessions_end ON sessions (expires_at)",
    """
    CREATE TABLE api_tokens (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id      bigint NOT NULL REFERENCES users ON DELETE CASCADE,
        name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 50),
        token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
        created_at   timestamptz NOT NULL DEFAULT now(),
        last_used_at timestamptz,
        UNIQUE (user_id, name)
    )
    """,
    # Unlogged: a count of the last minute is not worth a write to the WAL.
    """
    CREATE UNLOGGED TABLE rate_limits (
        key     text PRIMARY KEY,
        hits    integer NOT NULL,
        ends_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX rate_limits_end ON rate_limits (ends_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

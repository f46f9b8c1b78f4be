"""The statements of those that write SQL by hand. `%(name)s` is psycopg's way of a parameter."""

POST = """
    SELECT posts.id, user_id, username, title, content, posts.created_at, posts.updated_at
    FROM posts JOIN users ON users.id = user_id
"""
ONE = f"{POST} WHERE posts.id = %(id)s"
ORDER = "ORDER BY posts.created_at DESC, posts.id DESC LIMIT %(limit)s"
AFTER = "(posts.created_at, posts.id) < (%(created_at)s, %(id)s)"
SEARCH = "search @@ websearch_to_tsquery('english', %(q)s)"
CREATE = """
    WITH made AS (
        INSERT INTO posts (user_id, title, content)
        VALUES (%(user_id)s, %(title)s, %(content)s) RETURNING *
    )
    SELECT made.id, user_id, username, title, content, made.created_at, made.updated_at
    FROM made JOIN users ON users.id = user_id
"""
ACCOUNT = """
    SELECT users.id FROM api_tokens JOIN users ON users.id = user_id
    WHERE token_hash = %(token_hash)s
"""
REVISION = "SELECT version_num FROM alembic_version"


def listing(*, cursor: bool, search: bool) -> str:
    """The statement of a list, with or without a cursor and a search."""
    conditions = [AFTER] * cursor + [SEARCH] * search
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{POST} {where} {ORDER}"

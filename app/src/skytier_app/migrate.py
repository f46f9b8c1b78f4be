"""Brings the database's schema to the newest revision."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from skytier_app.database import OLDEST_SUPPORTED

# Any number, as long as nothing else in the database uses it: "skytier" in ASCII.
LOCK = 0x736B7974696572


class UnsupportedPostgres(Exception):  # noqa: N818
    """The server is older than OLDEST_SUPPORTED."""


async def migrate(database_url: str, to: str = "head") -> str:
    """Run the migrations that are missing up to `to`; the revision that the schema then has.

    Any number of callers may run at once: an advisory lock lets one work while the others wait,
    and they then find nothing to do. Raises UnsupportedPostgres, OSError or asyncpg's errors.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(database_url),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
            await connection.commit()  # the lock is the session's, and outlives the transaction
            return await connection.run_sync(_upgrade, to)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, to: str) -> str:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10000
    if version < OLDEST_SUPPORTED:
        raise UnsupportedPostgres(
            f"PostgreSQL {version} is older than {OLDEST_SUPPORTED}, the oldest supported."
        )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    revision = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    return revision or ""

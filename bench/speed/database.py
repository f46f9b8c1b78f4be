"""The database that all of them share: the product's own PostgreSQL with its demo data, kept."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.speed import machine
from bench.speed.multiply import multiply
from skytier import files
from skytier.deploy.kind import Known, Wanted
from skytier.local.home import Home
from skytier.local.options import Options
from skytier.local.postgresql import Postgresql
from skytier.local.service import key
from skytier_app import demo_data, migrations
from skytier_app.migrate import migrate
from skytier_app.secret_token import new_token, token_hash

USERS, WRITERS = 1000, 50
SEED = 100_000
"""Larger tables are made of one of so many posts."""


@dataclass(frozen=True)
class Database:
    """A running cluster with its data, and what is known of them."""

    url: str
    home: Home
    posts: int
    """Rows in `posts`; their ids are 1 to this."""
    tokens: tuple[str, ...]
    """API tokens of as many users."""

    @property
    def environment(self) -> dict[str, str]:
        """What libpq's programs need to connect."""
        password = self.home.secrets / "postgresql_password"
        return {
            **os.environ,
            "PGHOST": str(self.home.postgresql_sockets),
            "PGDATABASE": "skytier",
            "PGUSER": "skytier",
            "PGPASSWORD": password.read_text().strip(),
        }

    @property
    def pgbench(self) -> Path:
        """The program that came with the server."""
        return next(self.home.postgresql.glob("embedded-*/*/*/bin/pgbench"))

    def version(self) -> str:
        """The server's, as it says itself."""
        return str(self.query("SHOW server_version")[0][0])

    def query(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """All rows of a statement."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url)
            try:
                return await connection.fetch(sql, *values)
            finally:
                await connection.close()

        return asyncio.run(run())

    def forget_new_posts(self) -> None:
        """Bring the table back to what it was before posts were created."""
        self.query("DELETE FROM posts WHERE id > $1", self.posts)
        self.query("VACUUM ANALYZE posts")


@contextmanager
def running(posts: int) -> Iterator[Database]:
    """The cluster with `posts` posts, for the time of the block; loaded at the first time."""
    name = f"data-{posts}-{_schema()}"
    with machine.alone(name):
        yield from _running(Home(machine.cache() / name), posts)


def _schema() -> str:
    """What stands for the migrations: with other ones the data is loaded anew."""
    versions = Path(migrations.__file__).with_name("versions")
    texts = [path.read_text() for path in sorted(versions.glob("*.py"))]
    return files.fingerprint(*texts).removeprefix(files.HASH)[:8]


def _running(home: Home, posts: int) -> Iterator[Database]:
    server, options = Postgresql(home), Options()
    ready = home.path / "tokens"
    if home.path.exists() and not ready.exists():
        server.stop()  # whoever loaded it was killed
        shutil.rmtree(home.path)
    home.create()
    url = server.url()
    wanted = Wanted(key(server.name), server.config(options), {"options": options})
    found = server.create(wanted, Known())
    server.wait(wanted, found, lambda text: None)
    machine.say(f"PostgreSQL runs, process {found.id}")
    try:
        if not ready.exists():
            machine.say(f"Loading {posts:,} posts (once) ...")
            tokens = asyncio.run(_load(url, min(posts, SEED)))
            files.write(ready, "\n".join(tokens), 0o600)
        if posts > SEED:
            asyncio.run(multiply(url, posts, machine.say))
        database = Database(url, home, posts, tuple(ready.read_text().split()))
        database.forget_new_posts()
        yield database
    finally:
        server.stop()


async def _load(url: str, posts: int) -> list[str]:
    await migrate(url)
    await demo_data.load(url, USERS, posts, lambda *_: None)
    tokens = [new_token() for _ in range(WRITERS)]
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(
            "INSERT INTO api_tokens (user_id, name, token_hash) VALUES ($1, 'bench', $2)",
            [(user, token_hash(token)) for user, token in enumerate(tokens, 1)],
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return tokens

"""A real primary and a real standby: who reads where, and what happens when one of them fails."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from postgres_cluster import PostgresCluster
from skytier_app import reads, replicas
from skytier_app.database import open_database
from skytier_app.metrics.figures import READS
from skytier_app.migrate import migrate
from skytier_app.reads import WROTE
from skytier_app.replicas import Primary, ReplicaConnection, ReplicaOrPrimary
from skytier_app.settings import Settings

from .conftest import PASSWORD, client_of, register, running, sign_in, write_post
from .test_not_writable import POST, assert_unavailable

SECONDS = {"pool_wait_s": 5, "statement_timeout_s": 10}


class Pair:
    """A primary and the standby that follows it. They may change places."""

    def __init__(self, home: Path) -> None:
        self.primary = PostgresCluster(home / "a")
        self.standby = self.primary
        self.members = [self.primary]

    def add_standby(self, home: Path) -> None:
        self.standby = PostgresCluster(home / "b", primary=self.primary)
        self.members.append(self.standby)

    def switch(self) -> None:
        """As a planned switchover does it: nothing is lost."""
        old, new = self.primary, self.standby
        old.stop()
        new.promote()
        old.demote(new)
        self.primary, self.standby = new, old

    async def ask(self, member: PostgresCluster, statement: str) -> object:
        connection = await asyncpg.connect(member.url("app"))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def until_replayed(self) -> None:
        written = await self.ask(self.primary, "SELECT pg_current_wal_flush_lsn()::text")
        await until(
            lambda: self.ask(self.standby, f"SELECT pg_last_wal_replay_lsn() >= '{written}'")
        )


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def servers(short_dir: Path) -> AsyncIterator[Pair]:
    home = short_dir / "pair"
    home.mkdir(mode=0o711)
    pair = Pair(home)
    connection = await asyncpg.connect(pair.primary.url("postgres"))
    await connection.execute("CREATE DATABASE app")
    await connection.close()
    await migrate(pair.primary.url("app"))
    pair.add_standby(home)
    yield pair
    for member in pair.members:
        member.stop("immediate")
    shutil.rmtree(home)


@pytest.fixture
async def pair(servers: Pair) -> AsyncIterator[Pair]:
    """The two, in step and without rows. A test leaves both running, replaying or not."""
    await servers.ask(servers.primary, "TRUNCATE users CASCADE")
    yield servers
    await servers.ask(servers.standby, "SELECT pg_wal_replay_resume()")
    await servers.until_replayed()


@pytest.fixture
def settings(pair: Pair) -> Settings:
    return Settings(
        database_url=SecretStr(pair.primary.url("app")),
        database_replica_url=SecretStr(pair.standby.url("app")),
    )


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


def answered_by(source: str) -> float:
    return READS.labels(source)._value.get()


async def until_read_from(source: str, stranger: httpx.AsyncClient) -> None:
    before = answered_by(source)

    async def rose() -> bool:
        assert (await stranger.get("/api/posts")).status_code == 200
        return answered_by(source) > before

    await until(rose)


async def titles(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/api/posts")
    assert answer.status_code == 200, answer.text
    return [post["title"] for post in answer.json()]


async def test_strangers_read_from_the_replica_and_writers_read_what_they_wrote(
    pair: Pair, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The primary is not to answer in its place because this machine is busy.
    for module in (replicas, reads):
        for name in ("ANSWER_S", "STATEMENT_S"):
            monkeypatch.setattr(module, name, 60)
    patient = settings.model_copy(update={"replica_lag_s": 3600})
    async with (
        running(patient) as app,
        client_of(app) as ada,
        client_of(app) as stranger,
        client_of(app) as newcomer,
    ):
        me = await register(ada, "ada")
        await sign_in(ada, "ada")
        await pair.until_replayed()
        await until_read_from("replica", stranger)
        await pair.ask(pair.standby, "SELECT pg_wal_replay_pause()")

        post = await write_post(ada, "the newest")
        her = await register(newcomer, "grace")

        assert await titles(ada) == ["the newest"]
        assert "the newest" in (await ada.get("/")).text
        assert (await ada.get(f"/posts/{post['id']}")).status_code == 200
        assert await titles(stranger) == []
        assert "the newest" not in (await stranger.get("/")).text
        assert (await stranger.get(f"/api/posts/{post['id']}")).status_code == 404
        assert (await stranger.get(f"/api/users/{me['id']}")).status_code == 200
        assert (await stranger.get(f"/api/users/{her['id']}")).status_code == 404
        assert (await newcomer.get(f"/api/users/{her['id']}")).status_code == 200
        signed_out = await ada.delete("/api/sessions")
        assert WROTE in signed_out.headers["Set-Cookie"]
        assert await titles(ada) == ["the newest"]
        for path in ("/api/stats", "/api/users", "/api/posts?q=newest"):
            before = answered_by("replica")
            assert (await stranger.get(path)).status_code == 200
            assert answered_by("replica") > before, path

        await pair.ask(pair.standby, "SELECT pg_wal_replay_resume()")
        await pair.until_replayed()
        assert await titles(stranger) == ["the newest"]


async def test_a_replica_that_is_behind_is_not_read(
    pair: Pair, settings: Settings, app: FastAPI, stranger: httpx.AsyncClient
) -> None:
    async with client_of(app) as ada:
        await register(ada, "ada")
        await sign_in(ada, "ada")
        await until_read_from("replica", stranger)
        await pair.ask(pair.standby, "SELECT pg_wal_replay_pause()")
        await write_post(ada, "the newest")

        async def is_there() -> bool:
            return await titles(stranger) == ["the newest"]

        await until(is_there)
        assert await pair.ask(pair.standby, "SELECT count(*) FROM posts") == 0
        await pair.ask(pair.standby, "SELECT pg_wal_replay_resume()")
        await pair.until_replayed()
        await until_read_from("replica", stranger)
        assert await titles(stranger) == ["the newest"]


async def test_a_replica_of_an_idle_primary_is_not_taken_to_be_behind(
    pair: Pair, settings: Settings
) -> None:
    quick = settings.model_copy(update={"replica_lag_s": 0.2})
    async with running(quick) as app, client_of(app) as stranger:
        await until_read_from("replica", stranger)
        await asyncio.sleep(1)  # five times what it may be behind, and nothing is written
        await until_read_from("replica", stranger)


async def test_without_its_replica_the_primary_answers(
    pair: Pair, app: FastAPI, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "PAUSE_S", 0.5)
    await until_read_from("replica", stranger)
    pair.standby.stop("immediate")
    await until_read_from("primary", stranger)
    pair.standby.start()
    await until_read_from("replica", stranger)
    pair.standby.freeze()
    try:
        await until_read_from("primary", stranger)
    finally:
        pair.standby.thaw()
    await until_read_from("replica", stranger)


async def test_without_a_primary_strangers_read_on(
    pair: Pair, app: FastAPI, stranger: httpx.AsyncClient
) -> None:
    async with client_of(app) as ada:
        await register(ada, "ada")
        await sign_in(ada, "ada")
        await write_post(ada, "before")
        await pair.until_replayed()
        await until_read_from("replica", stranger)
        pair.primary.stop("immediate")
        try:
            for _ in range(20):
                assert await titles(stranger) == ["before"]
                assert (await stranger.get("/")).status_code == 200
                await asyncio.sleep(0.1)
            assert_unavailable(await ada.get("/api/posts"))
            assert_unavailable(await ada.post("/api/posts", json=POST))
            pair.standby.stop("immediate")
            try:
                assert_unavailable(await stranger.get("/api/posts"))
            finally:
                pair.standby.start()
        finally:
            pair.primary.start()
        await until_read_from("replica", stranger)
        assert await titles(ada) == ["before"]


async def test_a_moment_without_both_is_waited_out(
    pair: Pair, app: FastAPI, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Servers start more slowly on a busy machine.
    monkeypatch.setattr(replicas, "PATIENCE_S", 60)
    await until_read_from("replica", stranger)
    for member in pair.members:
        member.stop("immediate")
    try:
        asking = asyncio.create_task(stranger.get("/api/posts"))
        await asyncio.sleep(0.5)
        assert not asking.done()
    finally:
        await asyncio.gather(*(asyncio.to_thread(member.start) for member in pair.members))
    assert (await asking).status_code == 200


async def test_a_switchover_shows_strangers_no_error(
    pair: Pair, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind addresses that lead to the primary and to the standby, whichever server is which."""
    monkeypatch.setattr(replicas, "PAUSE_S", 0.5)
    monkeypatch.setattr(replicas, "PATIENCE_S", 60)
    both = ",".join(str(member.home) for member in pair.members)
    url = f"postgresql://skytier@/app?host={both}&target_session_attrs="
    following = settings.model_copy(
        update={
            "database_url": SecretStr(f"{url}read-write"),
            "database_replica_url": SecretStr(f"{url}prefer-standby"),
        }
    )
    statuses: set[int] = set()
    async with running(following) as app, client_of(app) as stranger, client_of(app) as ada:
        await register(ada, "ada")
        await sign_in(ada, "ada")
        await until_read_from("replica", stranger)
        switching = asyncio.create_task(asyncio.to_thread(pair.switch))
        wrote: list[httpx.Response] = []
        while not switching.done():
            statuses.add((await stranger.get("/api/posts")).status_code)
            wrote.append(await ada.post("/api/posts", json=POST))
        await switching
        assert statuses == {200}
        for answer in wrote:
            if answer.status_code != 201:
                assert_unavailable(answer)

        async def writes_again() -> bool:
            return (await ada.post("/api/posts", json=POST)).status_code == 201

        await until(writes_again)
        await until_read_from("replica", stranger)
    made = {answer.json()["id"] for answer in wrote if answer.status_code == 201}
    rows = await pair.ask(pair.primary, "SELECT array_agg(id) FROM posts")
    assert isinstance(rows, list)
    assert made <= set(rows)


async def test_every_write_on_a_demoted_server_is_503(pair: Pair, settings: Settings) -> None:
    async with running(settings) as app, client_of(app) as ada, client_of(app) as new:
        me = await register(ada, "ada")
        await sign_in(ada, "ada")
        post = f"/api/posts/{(await write_post(ada))['id']}"
        await pair.until_replayed()
        await asyncio.to_thread(pair.switch)
        # The first request meets connections that the end of the server has closed.
        await until(lambda: is_answered(ada))

        credentials = {"username": "ada", "password": PASSWORD}
        for method, path, body in (
            ("POST", "/api/posts", POST),
            ("PUT", post, POST),
            ("PATCH", post, {"title": "Another"}),
            ("DELETE", post, None),
            ("POST", "/api/sessions", credentials),
            ("DELETE", "/api/sessions", None),
            (
                "POST",
                "/api/tokens",
                {"name": "laptop", "current_password": credentials["password"]},
            ),
            ("POST", "/api/users", {**credentials, "username": "eve", "email": "eve@example.org"}),
            ("PATCH", f"/api/users/{me['id']}", {"username": "lovelace"}),
        ):
            answer = await ada.request(method, path, json=body)
            assert_unavailable(answer)
        assert (await new.get(post)).status_code == 200


async def is_answered(client: httpx.AsyncClient) -> bool:
    return (await client.get("/api/posts")).status_code == 200


async def test_what_only_the_replica_refuses_is_asked_of_the_primary(pair: Pair) -> None:
    await pair.until_replayed()
    async with (
        open_database(pair.primary.url("app"), pool_size=2, **SECONDS) as database,
        open_database(
            pair.standby.url("app"), pool_size=2, connection_class=ReplicaConnection, **SECONDS
        ) as replica,
    ):
        primary = Primary(database, lag_s=3600)
        await primary.look()
        reader = ReplicaOrPrimary(replica, database, primary)
        await pair.ask(pair.standby, "SELECT pg_wal_replay_pause()")
        await pair.ask(pair.primary, "CREATE TABLE arrives_later AS SELECT 7 AS n")
        try:
            rows = await reader.fetch("SELECT n FROM arrives_later")
            assert [row["n"] for row in rows] == [7]
            with pytest.raises(asyncpg.UndefinedTableError):
                await reader.fetch("SELECT FROM is_nowhere")
            read = await reader.fetchrow("SELECT pg_is_in_recovery() AS by_replica")
            assert read is not None
            assert read["by_replica"]
        finally:
            await pair.ask(pair.primary, "DROP TABLE arrives_later")


async def test_without_a_replica_nothing_is_different(pair: Pair, settings: Settings) -> None:
    alone = settings.model_copy(update={"database_replica_url": None})
    async with running(alone) as app, client_of(app) as client:
        assert app.state.services.strangers_reads is app.state.services.own_reads
        await register(client, "ada")
        assert not client.cookies

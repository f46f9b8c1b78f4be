"""Real PostgreSQL, real Redis, and the application: inside the test, or served by Uvicorn."""

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from redis.asyncio import Redis

from postgres_cluster import PostgresCluster
from skytier_app import cache, passwords
from skytier_app.main import create_app
from skytier_app.migrate import migrate
from skytier_app.settings import Settings
from tests.memory import quickest_place
from tests.skytier_command import free_port
from tests.waiting import wait_until

from .quick_hashes import QUICK

QUICK_HASHES = Path(__file__).with_name("quick_hashes.py")
PASSWORD = "a long and private sentence"


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A directory with a path short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="sky", dir=quickest_place()) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture(scope="session")
def postgres(short_dir: Path) -> Iterator[PostgresCluster]:
    cluster = PostgresCluster(short_dir / "pg")
    yield cluster
    cluster.stop("immediate")


@pytest.fixture(scope="session")
async def template(postgres: PostgresCluster) -> str:
    """The name of a migrated database, which new ones are copied from."""
    await _administer(postgres, "CREATE DATABASE template_app")
    await migrate(postgres.url("template_app"))
    return "template_app"


async def _administer(postgres: PostgresCluster, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id with its least cost: `test_passwords.py` tests the application's own cost."""
    monkeypatch.setattr(passwords, "_hasher", QUICK)


@pytest.fixture(autouse=True)
def patient_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes longer over an answer of Redis than the application waits for it."""
    monkeypatch.setattr(cache, "TIMEOUT_S", 30)


_numbers = itertools.count()


@pytest.fixture
async def database_url(postgres: PostgresCluster, template: str) -> AsyncIterator[str]:
    """A database of the test's own, with the schema and without rows."""
    name = f"test_{next(_numbers)}"
    # By files it takes a third of the time that it takes by the log.
    await _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield postgres.url(name)
    await _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the test's database, beside the application."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def other_sql(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Another connection, for what one with a transaction cannot ask."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@contextmanager
def redis_at(path: Path) -> Iterator[None]:
    """A Redis at a unix socket, for the time of a block."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not on this machine: ./test.sh says how to install it"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", path.parent],
        stdout=subprocess.DEVNULL,
    )
    try:
        # There is a socket a moment before somebody listens to it.
        wait_until(lambda: listens(path))
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session")
def redis_socket(short_dir: Path) -> Iterator[Path]:
    path = short_dir / "redis"
    with redis_at(path):
        yield path


@pytest.fixture
async def redis_url(redis_socket: Path) -> str:
    url = f"unix://{redis_socket}"
    redis = Redis.from_url(url)
    await redis.flushall()
    await redis.aclose()
    return url


@pytest.fixture(params=["postgresql", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    """Where rate limits are counted: a test that names it runs with each."""
    return str(request.param)


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str) -> Settings:
    """The settings of the test's application; a test changes them before it asks for `app`."""
    with_redis = "store" in request.fixturenames and request.getfixturevalue("store") == "redis"
    redis = request.getfixturevalue("redis_url") if with_redis else None
    return Settings(
        database_url=SecretStr(database_url), redis_url=SecretStr(redis) if redis else None
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings) as app:
        yield app


def client_of(app: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://skytier.test", **options
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def new_client(app: FastAPI) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Makes strangers: `new_client(address="192.0.2.7", site="https://skytier.test")`."""
    clients: list[httpx.AsyncClient] = []

    def make(
        address: str = "127.0.0.1", site: str = "http://skytier.test", to: FastAPI = app
    ) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(to, client=(address, 1))
        clients.append(httpx.AsyncClient(transport=transport, base_url=site))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


NewClient = Callable[..., httpx.AsyncClient]
NewVisitor = Callable[..., Any]


@pytest.fixture
async def new_visitor(app: FastAPI) -> AsyncIterator[NewVisitor]:
    """Makes clients that are registered and signed in: `await new_visitor("ada")`."""
    clients: list[httpx.AsyncClient] = []

    async def make(username: str) -> httpx.AsyncClient:
        client = client_of(app)
        clients.append(client)
        await register(client, username)
        await sign_in(client, username)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def ada(new_visitor: NewVisitor) -> httpx.AsyncClient:
    """A visitor who is registered and signed in."""
    client: httpx.AsyncClient = await new_visitor("ada")
    return client


async def register(client: httpx.AsyncClient, username: str) -> dict[str, Any]:
    body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
    answer = await client.post("/api/users", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def sign_in(
    client: httpx.AsyncClient, username: str, password: str = PASSWORD
) -> httpx.Response:
    body = {"username": username, "password": password}
    answer = await client.post("/api/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return answer


async def make_token(
    client: httpx.AsyncClient, name: str = "laptop", **more: Any
) -> httpx.Response:
    body = {"name": name, "current_password": PASSWORD, **more}
    return await client.post("/api/tokens", json=body)


async def write_post(client: httpx.AsyncClient, title: str = "On engines") -> dict[str, Any]:
    body = {"title": title, "content": "It weaves algebraic patterns."}
    answer = await client.post("/api/posts", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def change_password(client: httpx.AsyncClient, new: str, old: str = PASSWORD) -> None:
    me = (await client.get("/api/sessions")).json()
    body = {"password": new, "current_password": old}
    answer = await client.patch(f"/api/users/{me['id']}", json=body)
    assert answer.status_code == 200, answer.text


async def until_one_waits_for_a_lock(sql: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Until a connection to the same database waits for a row that another one holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    waiting += "AND datname = current_database()"
    async with asyncio.timeout(60):
        while not await sql.fetchval(waiting):
            await asyncio.sleep(0.01)


PROGRAM = ("-m", "skytier_app")


class Served:
    """The application under Uvicorn, in processes of its own."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        program: Sequence[str | Path] = PROGRAM,
        **environment: str,
    ) -> None:
        secrets = directory / "secrets"
        metrics = directory / "metrics"
        for path in (secrets, metrics):
            path.mkdir()
        (secrets / "skytier_database_url").write_text(database_url + "\n")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = directory / "log"
        settings = {
            "SKYTIER_SECRETS_DIR": str(secrets),
            "SKYTIER_METRICS_DIR": str(metrics),
            "SKYTIER_PORT": str(port),
            **environment,
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "serve"],
                env=os.environ | settings,
                stdout=log,
                stderr=log,
            )
        wait_until(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


Serve = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def serve(tmp_path: Path, database_url: str) -> Serve:
    """Serves the application by Uvicorn: `with serve(SKYTIER_WORKERS="1") as served`.

    `serve(QUICK_HASHES, ...)` for a test that signs in so often that its hashes take long.
    """

    @contextmanager
    def run(*program: str | Path, **environment: str) -> Iterator[Served]:
        served = Served(tmp_path, database_url, program or PROGRAM, **environment)
        try:
            yield served
        finally:
            if served.process.poll() is None:
                served.stop()

    return run

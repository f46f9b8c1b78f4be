"""Who is measured: how each is started, by its own documentation's way, with one worker."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.speed import environments
from bench.speed.database import Database
from bench.speed.server import Server, free_port
from skytier.errors import SkytierError

UVICORN = "--loop uvloop --http httptools --no-access-log --log-level warning"
GUNICORN = "--workers 1 --threads 10 --worker-class gthread --log-level warning"


@dataclass(frozen=True)
class Contender:
    """An application that gives the product's answers."""

    name: str
    title: str
    command: str
    """Words; `{port}` is where to listen, `{python}` and `{fastify}` are in the environments."""
    parts: Sequence[str]
    """What it is made of, for the versions that are stated."""

    @property
    def on_uvicorn(self) -> bool:
        """Whether uvloop and httptools have to be in use."""
        return "uvicorn" in self.parts


CONTENDERS = (
    Contender(
        "skytier",
        "Skytier",
        "{own} -m skytier_app serve",
        ("fastapi", "asyncpg", "uvicorn"),
    ),
    Contender(
        "plain",
        "FastAPI + psycopg2",
        "{python} -m uvicorn peers.plain:app --port {port} " + UVICORN,
        ("fastapi", "psycopg2-binary", "uvicorn"),
    ),
    Contender(
        "sqlalchemy",
        "FastAPI + SQLAlchemy",
        "{python} -m uvicorn peers.sqlalchemy_async:app --port {port} " + UVICORN,
        ("fastapi", "sqlalchemy", "asyncpg", "uvicorn"),
    ),
    Contender(
        "litestar",
        "Litestar + asyncpg",
        "{python} -m uvicorn peers.litestar_asyncpg:app --port {port} " + UVICORN,
        ("litestar", "asyncpg", "uvicorn"),
    ),
    Contender(
        "starlette",
        "Starlette + asyncpg",
        "{python} -m uvicorn peers.starlette_plain:app --port {port} " + UVICORN,
        ("starlette", "asyncpg", "orjson", "uvicorn"),
    ),
    Contender(
        "django",
        "Django REST Framework",
        "{python} -m gunicorn peers.django.wsgi:application --bind 127.0.0.1:{port} " + GUNICORN,
        ("django", "djangorestframework", "psycopg", "gunicorn"),
    ),
    Contender(
        "flask",
        "Flask + psycopg2",
        "{python} -m gunicorn peers.flask_psycopg2:app --bind 127.0.0.1:{port} " + GUNICORN,
        ("flask", "psycopg2-binary", "gunicorn"),
    ),
    Contender(
        "fastify",
        "Fastify + pg",
        "node {fastify}/server.js {port}",
        ("fastify", "pg", "node"),
    ),
)

PRODUCT, PLAIN = "skytier", "plain"


def start(contender: Contender, database: Database, directory: Path, *, workers: int = 1) -> Server:
    """Start it before `database`; what it writes goes to `directory`. Raises SkytierError."""
    port = free_port()
    log, metrics = directory / f"{contender.name}.log", directory / f"{contender.name}-metrics"
    metrics.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "DATABASE_URL": database.url,
        "SKYTIER_DATABASE_URL": database.url,
        "SKYTIER_PORT": str(port),
        "SKYTIER_WORKERS": str(workers),
        "SKYTIER_METRICS_DIR": str(metrics),
        # All the writers have one address here.
        "SKYTIER_POSTS_PER_MINUTE": "1000000000",
    }
    values: dict[str, object] = {"port": port, "own": sys.executable}
    if "{python}" in contender.command:
        values["python"] = environments.python()
    if "{fastify}" in contender.command:
        values["fastify"] = environments.fastify()
    command = [word.format(**values) for word in contender.command.split()]
    server = Server(contender.name, port, command, environment, [log])
    if contender.on_uvicorn:
        for library in ("uvloop", "httptools"):
            if not server.has_loaded(library):
                server.stop()
                raise SkytierError(f"{contender.name} runs without {library}.", "")
    return server

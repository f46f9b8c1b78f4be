"""The application's own command, `skytier-app`: what an operator's tool runs on a machine.

Each command imports what it needs when it runs: together they take a second.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from pydantic import ValidationError

from skytier_app import __version__
from skytier_app.settings import Settings, get_settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


def _database_url() -> str:
    return get_settings().database_url.get_secret_value()


@cli.command()
def serve() -> None:
    """Serve the application in the foreground until SIGTERM, which lets requests finish.

    Listens where the settings say, or at the sockets that systemd passes.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from skytier_app import listening, logs

    settings = get_settings()
    if settings.metrics_dir:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.metrics_dir)
    config = uvicorn.Config(
        "skytier_app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="skytier_app.event_loop:EventLoop",  # uvloop
        http="skytier_app.serving:Connection",
        ws="none",
        log_config=logs.CONFIG,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        # Longer than the proxy keeps its idle connections, so that the proxy closes them.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.graceful_shutdown_s,
    )
    sockets = listening.inherited()
    if settings.uds and not sockets:
        try:
            sockets = [listening.unix_socket(settings.uds, settings.uds_group)]
        except (OSError, LookupError) as error:
            raise SystemExit(f"skytier-app: cannot listen at {settings.uds}: {error}") from None
    try:
        if settings.workers > 1:
            Multiprocess(config, sockets=sockets or [config.bind_socket()]).run()
        else:
            uvicorn.Server(config).run(sockets or None)
    except KeyboardInterrupt:
        pass
    finally:
        if settings.uds:
            settings.uds.unlink(missing_ok=True)


@cli.command("migrate")
def migrate_schema() -> None:
    """Bring the database's schema to the newest revision, and print it."""
    from skytier_app.migrate import UnsupportedPostgres, migrate

    try:
        typer.echo(asyncio.run(migrate(_database_url())))
    except UnsupportedPostgres as error:
        raise SystemExit(f"skytier-app: {error}") from None


@cli.command("demo-data")
def load_demo_data(
    users: Annotated[int, typer.Option(min=1, max=1_000_000)] = 1000,
    posts: Annotated[int, typer.Option(min=0, max=10_000_000)] = 100_000,
) -> None:
    """Load realistic users and posts. Prints its progress as JSON lines.

    These users cannot sign in.
    """

    from skytier_app import demo_data

    def report(table: str, done: int, total: int) -> None:
        print(json.dumps({"table": table, "done": done, "total": total}), flush=True)  # noqa: T201

    asyncio.run(demo_data.load(_database_url(), users, posts, report))


@cli.command()
def admin(
    username: str,
    revoke: Annotated[bool, typer.Option(help="Remove the right again.")] = False,
) -> None:
    """Make a user an administrator, who may change and delete every post."""
    from skytier_app.clients import NO_CLIENT
    from skytier_app.security_log.events import Kind, record

    async def change() -> str | None:
        connection = await asyncpg.connect(_database_url())
        try:
            async with connection.transaction():
                found = await connection.fetchrow(
                    "UPDATE users SET is_admin = $2 WHERE lower(username) = lower($1) "
                    "RETURNING id, username",
                    username,
                    not revoke,
                )
                if found is None:
                    return None
                kind = Kind.ADMINISTRATOR_REVOKED if revoke else Kind.ADMINISTRATOR_MADE
                await record(connection, found["id"], kind, NO_CLIENT, actor="skytier admin")
            name: str = found["username"]
            return name
        finally:
            await connection.close()

    changed = asyncio.run(change())
    if changed is None:
        raise SystemExit(f"skytier-app: there is no user {username!r}; they register first.")
    typer.echo(f"{changed} is {'no longer' if revoke else 'now'} an administrator.")


@cli.command("collect-static")
def collect_static(directory: Path) -> None:
    """Copy the static files to a directory, for Nginx to serve under /static/."""
    from skytier_app.pages import assets

    assets.collect(directory)


@cli.command()
def version() -> None:
    """Print the application's version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command. An error that an operator can correct is one line."""
    try:
        cli()
    except ValidationError as error:
        for item in error.errors():
            variable = f"{Settings.model_config['env_prefix']}{item['loc'][0]}".upper()
            print(f"skytier-app: {variable}: {item['msg']}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except (OSError, asyncpg.PostgresError) as error:
        raise SystemExit(f"skytier-app: the database refused: {error}") from None

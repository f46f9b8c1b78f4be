"""`skytier up`"""

import ipaddress
from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.local.options import EMBEDDED, MOST_WORKERS, SYSTEM

app = typer.Typer()


def _address(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return str(ipaddress.ip_address({"localhost": "127.0.0.1"}.get(value, value)))
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not an address such as 127.0.0.1.") from None


def _postgres(value: str | None) -> str | None:
    if value in (None, EMBEDDED, SYSTEM) or _is_url(value, "postgresql", "postgres"):
        return value
    # The value is not shown: it may be a URL with a password and a slip in its beginning.
    raise typer.BadParameter("It is embedded, system, or a URL that begins with postgresql://.")


def _redis(value: str | None) -> str | None:
    if value in (None, "none") or _is_url(value, "redis", "rediss", "unix"):
        return value
    raise typer.BadParameter(
        "It is none, or a URL that begins with redis://, rediss:// or unix://."
    )


def _webhook(value: str | None) -> str | None:
    if value in (None, "none") or _is_url(value, "http", "https"):
        return value
    raise typer.BadParameter("It is none, or a URL that begins with https:// or http://.")


def _is_url(value: str | None, *schemes: str) -> bool:
    return value is not None and value.startswith(tuple(f"{scheme}://" for scheme in schemes))


@app.command(
    epilog="Exit codes: 0 done; 1 it failed; 64 wrong usage; 4 it would pass the budget, and the "
    "stack file has budget_enforce.\n\nExample: skytier up --port 9000 --workers 4"
)
def up(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The entry point's port. At first 8000.")
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            callback=_address, help="The address to listen at. At first 127.0.0.1; 0.0.0.0 is all."
        ),
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            callback=_postgres,
            metavar="embedded|system|URL",
            envvar="SKYTIER_POSTGRES",
            help="The PostgreSQL that comes along (at first), the system's own with data of its "
            "own, or a database that is there already: postgresql://USER:PASSWORD@HOST/NAME.",
        ),
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(
            callback=_redis,
            metavar="URL|none",
            envvar="SKYTIER_REDIS",
            help="Redis for sessions and rate limits. Without it PostgreSQL has them.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="The application's processes. At first one for each core, at most 4.",
        ),
    ] = None,
    monitor: Annotated[
        bool | None,
        typer.Option(
            "--monitor/--no-monitor",
            show_default=False,
            help="Whether the stack is watched. At first it is.",
        ),
    ] = None,
    alerts_to: Annotated[
        str | None,
        typer.Option(
            callback=_webhook,
            metavar="URL|none",
            help="Where Alertmanager posts alerts to, where there is one: https://...",
        ),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring up the whole stack, or bring it to what is wanted.

    On a cloud the stack file says what is wanted: the plan is shown, confirmed and carried out. On
    this machine the options say it, and are remembered: without any it stays as it was. Running it
    again changes nothing, or mends what is broken. Data is never touched.
    """
    wanted = chosen.stack_file(file, cloud)
    given = {
        "port": port,
        "bind": bind,
        "postgres": postgres,
        "redis": redis,
        "workers": workers,
        "monitor": monitor,
        "alerts_to": alerts_to,
    }
    chosen.up(wanted)(wanted, file, given, yes=yes, as_json=as_json)

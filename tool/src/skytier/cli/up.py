"""`skytier up`"""

import ipaddress
from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.dialog import carry_out_up
from skytier.cli.versions import with_versions
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
    epilog="Exit codes: 0 done; 1 it failed; 64 wrong usage; 4 the plan is above the budget, and "
    "cost.budget_enforce is true.\n\nExample: skytier up --port 9000 --workers 4"
)
def up(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port of the web page. Default: 8000")
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            callback=_address, help="The address to listen on, 0.0.0.0 for all. Default: 127.0.0.1"
        ),
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            callback=_postgres,
            metavar="embedded|system|URL",
            envvar="SKYTIER_POSTGRES",
            help="The PostgreSQL of the Python package (default), the programs of this system, or "
            "the URL of an existing database. Give a URL with a password in the variable "
            "SKYTIER_POSTGRES: other users can see command lines.",
        ),
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(
            callback=_redis,
            metavar="URL|none",
            envvar="SKYTIER_REDIS",
            help="A Redis of your own, for REDIS_URL of the application. Default: that of the "
            "stack file, else none. Give a URL with a password in the variable SKYTIER_REDIS.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="Processes of the application. Default: one for each core, at most 4.",
        ),
    ] = None,
    monitor: Annotated[
        bool | None,
        typer.Option(
            "--monitor/--no-monitor",
            show_default=False,
            help="Whether the stack is monitored. Default: yes",
        ),
    ] = None,
    alerts_to: Annotated[
        str | None,
        typer.Option(
            callback=_webhook,
            metavar="URL|none",
            help="Where Alertmanager sends alerts, if it is installed: https://...",
        ),
    ] = None,
    given_up: Annotated[
        list[str] | None,
        typer.Option(
            "--give-up",
            metavar="MACHINE",
            help="Replace a broken server that cannot be repaired. The data that is only on that "
            "server is lost. For example shop-database-1.",
        ),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring up the stack, change it to what you want, or repair it.

    On a cloud it reads the stack file, shows the plan, asks, and carries it out. On this machine
    it takes options and remembers them for the next run. A second run changes nothing, or repairs
    what is broken. It never deletes the application's data, unless --give-up names its machine.
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
    dialog = chosen.dialog(
        wanted, file, yes=yes, as_json=as_json, given=given, given_up=given_up or ()
    )
    plan = with_versions(dialog.stack, looks=True)
    if not dialog.approve_up(plan):
        return
    carry_out_up(dialog, plan)

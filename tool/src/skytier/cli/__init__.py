"""The command `skytier`: prints, asks, and nothing else."""

import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from skytier.cli import (
    access,
    admin,
    audit,
    backup,
    console,
    cost,
    dashboard,
    database,
    demo_data,
    doctor,
    down,
    drain,
    image,
    init,
    job,
    logs,
    metrics,
    plan,
    ps,
    psql,
    rehearse,
    release,
    releases,
    report,
    restore,
    rollback,
    run,
    scale,
    secret,
    ssh,
    static,
    status,
    top,
    trust,
    up,
)
from skytier.cli.usage import Commands
from skytier.errors import SkytierError

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done; 1 it failed; 64 wrong usage; 130 Ctrl-C; 2 there are changes (plan "
    "--detailed-exitcode); 3 not healthy, or it does not run (status); 4 the plan is above "
    "the budget.\n\nExample: skytier up",
)
for command in (
    *(init, doctor, plan, up, status, top, ps, logs, run, job, secret, psql, ssh, down),
    *(release, releases, rollback, static, scale, drain, image, database),
    *(backup, restore, rehearse),
    *(dashboard, report, metrics, cost),
    *(demo_data, admin, audit, trust, access),
):
    app.add_typer(command.app)

_debug = False


def _show_version(wanted: bool) -> None:
    if wanted:
        console.out.print(f"skytier {installed_version('skytier')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version, and end."
        ),
    ] = False,
) -> None:
    """From nothing to a running web application by one command, and back.

    Without a cloud the whole stack runs on this machine: PostgreSQL, the application, and Nginx
    if it is installed. Everything it makes is in one directory: SKYTIER_HOME, else
    /var/lib/skytier for root, or ~/.local/share/skytier.
    """
    global _debug
    _debug = debug


def main() -> None:
    """Run the command. An operator sees what happened and what to do, never a traceback."""
    try:
        access.use()
        app()
    except SkytierError as error:
        if _debug:
            raise
        console.show(error)
        sys.exit(1)
    except Exception as error:
        if _debug:
            raise
        console.show(_unexpected(error))
        sys.exit(1)


def _unexpected(error: Exception) -> SkytierError:
    """An error that no code foresaw; those of a cloud's API are explained all the same."""
    # Loaded only when a cloud was asked: it brings openstacksdk along.
    api = sys.modules.get("skytier.openstack.resources.errors")
    if api and isinstance(error, api.API_ERRORS):
        explained: SkytierError = api.explained("The cloud could not be asked", error)
        return explained
    what = f"Something unexpected happened: {type(error).__name__}: {error}"
    return SkytierError(what, "Run it as skytier --debug ... and report what it shows.")

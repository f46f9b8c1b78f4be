"""`skytier job run`, `skytier job list`"""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from skytier.cli import chosen, console, jobs
from skytier.cli.chosen import Cloud, File, Json

app = typer.Typer()
job = typer.Typer(no_args_is_help=True, help="List and run the application's jobs.")
app.add_typer(job, name="job")


@job.command(
    epilog="Exit codes: that of the job; 75 it still runs, or could not be started.\n\n"
    "Example: skytier job run cleanup"
)
def run(
    name: Annotated[str, typer.Argument(help="The name of the job.")],
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Run a job now, with its output here. On a cloud it runs on the first web server.

    It is refused while the job runs anywhere in the stack.
    """
    raise typer.Exit(chosen.backend(chosen.stack_file(file, cloud)).run_job(name))


@job.command("list", epilog="Example: skytier job list --json")
def list_jobs(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """List the jobs: the last run with its result, and the next time."""
    found = chosen.backend(chosen.stack_file(file, cloud)).jobs()
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))  # noqa: T201
    elif found:
        console.out.print(jobs.table(found))
    else:
        console.out.print("The application has no jobs.")

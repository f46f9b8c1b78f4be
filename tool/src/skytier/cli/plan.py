"""`skytier plan`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json

app = typer.Typer()
CHANGES = 2


@app.command(
    epilog="Exit codes: 0 done; 1 it failed; 2 with --detailed-exitcode, there are changes; 4 the "
    "plan is above the budget, and cost.budget_enforce is true."
    "\n\nExample: skytier plan --cloud mycloud"
)
def plan(
    cloud: Cloud = None,
    file: File = None,
    as_json: Json = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show what does not change.")
    ] = False,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are changes.")
    ] = False,
) -> None:
    """Show what `up` would do on a cloud, why, and what it costs. Changes nothing.

    Machines that run are asked whether something is wrong with them, if the stack's key is here.
    """
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    from skytier.cli.on_cloud import plan as shown

    planned = stack.plan(looks=True)
    planned.check_application()
    cost, quota = planned.cost, stack.quota(planned)
    if as_json:
        print(shown.as_json(planned, quota, file))  # noqa: T201  # nothing may wrap or colour it
    else:
        shown.show(planned, quota, file, everything=everything, parts=True)
    if cost.over_budget and cost.over_budget.refused:
        raise typer.Exit(shown.OVER_BUDGET)
    if detailed and not planned.empty:
        raise typer.Exit(CHANGES)

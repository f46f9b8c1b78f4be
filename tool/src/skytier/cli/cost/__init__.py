"""`skytier cost`: one file for each command of the group."""

import typer

from skytier.cli.cost import advise, chargeback, estimate, forecast, report

app = typer.Typer()
cost = typer.Typer(no_args_is_help=True, help="What a stack will cost, and what it has cost.")
for command in (estimate, report, forecast, advise, chargeback):
    cost.add_typer(command.app)
app.add_typer(cost, name="cost")

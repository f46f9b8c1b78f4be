"""`skytier cost estimate`"""

import typer

from skytier.cli.chosen import Cloud, File, Json

app = typer.Typer()


@app.command(epilog="Example: skytier cost estimate --rates rates.toml")
def estimate(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Show what the stack of the stack file would cost by the hour and the month."""
    raise NotImplementedError

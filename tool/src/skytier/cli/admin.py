"""`skytier admin`"""

from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import SAMPLE_COMMAND, Cloud, File

app = typer.Typer()


@app.command(epilog="Example: skytier admin alice")
def admin(
    username: Annotated[str, typer.Argument(help="A registered user.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take this right away.")] = False,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Make a user of the sample application an administrator, who may change every post."""
    arguments = ["admin", *(["--revoke"] if revoke else []), "--", username]
    said = chosen.sample(chosen.stack_file(file, cloud)).run_application(
        *SAMPLE_COMMAND, *arguments
    )
    console.out.print(said.strip(), markup=False)

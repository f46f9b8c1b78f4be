"""`skytier admin`"""

from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File

app = typer.Typer()


@app.command(epilog="Example: skytier admin alice")
def admin(
    username: Annotated[str, typer.Argument(help="A registered user.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take this right away.")] = False,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Make a user an administrator, who can change and delete every post."""
    arguments = ["admin", *(["--revoke"] if revoke else []), "--", username]
    said = chosen.backend(chosen.stack_file(file, cloud)).run_application(*arguments)
    console.out.print(said.strip(), markup=False)

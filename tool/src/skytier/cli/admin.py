"""`skytier admin`"""

from typing import Annotated

import typer

from skytier.cli import console
from skytier.local import home
from skytier.local.stack import Stack

app = typer.Typer()


@app.command(epilog="Example: skytier admin alice")
def admin(
    username: Annotated[str, typer.Argument(help="Who; they register first.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the right away again.")] = False,
) -> None:
    """Make a user an administrator, who may change and delete every post."""
    arguments = ["admin", *(["--revoke"] if revoke else []), "--", username]
    said = Stack(home.from_environment()).run_application(*arguments)
    console.out.print(said.strip(), markup=False)

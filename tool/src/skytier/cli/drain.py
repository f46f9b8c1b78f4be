"""`skytier drain` and `skytier undrain`"""

from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File

app = typer.Typer()
Machine = Annotated[str, typer.Argument(help="A web server: `web/2`, or its name.")]


@app.command(epilog="Example: skytier drain web/2")
def drain(machine: Machine, cloud: Cloud = None, file: File = None) -> None:
    """Take a web server out of the balancer.

    It gets no new requests. Those that it is answering may end, for at most 30 s. It stays out,
    also when it restarts, until `skytier undrain`. The last one that gets requests is refused.
    """
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    with console.err.status(f"Taking {machine} out ...") as status:
        said = stack.drain(machine, status.update)
    if said:
        console.out.print(said, markup=False)
    console.out.print(f"{machine} is drained. Put it back: skytier undrain {machine}")


@app.command(epilog="Example: skytier undrain web/2")
def undrain(machine: Machine, cloud: Cloud = None, file: File = None) -> None:
    """Put a web server back into the balancer, and wait until it gets requests."""
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    with console.err.status(f"Putting {machine} back ...") as status:
        stack.undrain(machine, status.update)
    console.out.print(f"{machine} gets requests again.", markup=False)

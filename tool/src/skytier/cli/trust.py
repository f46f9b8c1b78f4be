"""`skytier trust`"""

import re
from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File
from skytier.errors import SkytierError

app = typer.Typer()
_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{60,}={0,2}")


@app.command(epilog="Example: skytier trust shop-web-1 'ssh-ed25519 AAAA...' --cloud mycloud")
def trust(
    machine: Annotated[str, typer.Argument(help="The server's name.")],
    key: Annotated[str, typer.Argument(help="Its public host key: ssh-ed25519 AAAA...")],
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Accept a machine's SSH host key, on a cloud that does not show consoles."""
    if not _KEY.fullmatch(" ".join(key.split()[:2])):
        raise SkytierError(
            "That is no ed25519 host key.",
            "It is the text of /etc/ssh/ssh_host_ed25519_key.pub: ssh-ed25519 AAAA...",
        )
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    stack.trust(machine, " ".join(key.split()[:2]))
    console.out.print(f"{machine} is known by this key now.", markup=False)

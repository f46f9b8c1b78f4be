"""`skytier access`"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File
from skytier.errors import SkytierError

app = typer.Typer()


@app.command(epilog="Example: skytier access --cloud mycloud | gh secret set SKYTIER_ACCESS")
def access(cloud: Cloud = None, file: File = None) -> None:
    """Print what another machine needs to change the stack: one text, which is a secret.

    It has the cloud's entry of clouds.yaml and the stack's SSH key. Where the variable
    SKYTIER_ACCESS holds it, every command uses it in place of the files: in CI it is the only
    secret. An entry with an application credential of its own can be revoked alone.
    """
    wanted = chosen.stack_file(file, cloud)
    if wanted.cloud is None:
        raise SkytierError("The stack is on this machine: nothing is needed.", "See --cloud.")
    if sys.stdout.isatty():
        raise SkytierError(
            "This prints a secret, and the output is a terminal.",
            "Pipe it into the program that stores it, or redirect it to a file.",
        )
    from skytier.openstack.commands import portable

    print(portable.pack(wanted.cloud, wanted.name, wanted.region))  # noqa: T201


def use() -> None:
    """Use the text of the variable SKYTIER_ACCESS, if there is one, until this process ends."""
    text = os.environ.pop("SKYTIER_ACCESS", "").strip()
    if not text:
        return
    from skytier.openstack.commands import portable

    directory = Path(tempfile.mkdtemp(prefix="skytier-access-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    portable.unpack(text, directory)

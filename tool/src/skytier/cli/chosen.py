"""Which stack a command is about: the options that all share, and the backend behind them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skytier import stackfile as stack
from skytier.errors import SkytierError
from skytier.openstack import clouds
from skytier.stackfile import StackFile
from skytier.stackfile.application import SAMPLE_PACKAGE

# Each backend is imported only when it is asked for: openstacksdk alone takes a second.
if TYPE_CHECKING:
    from skytier.backend import Backend
    from skytier.cli.progress import Shown
    from skytier.local.backend import LocalBackend
    from skytier.openstack.backend import CloudBackend
    from skytier.secrets.variables import Store

SAMPLE_COMMAND = ("python", "-m", SAMPLE_PACKAGE)
"""How a command of the sample application begins."""

Cloud = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        envvar="SKYTIER_CLOUD",
        autocompletion=clouds.complete,
        help="A cloud of clouds.yaml. Default: the stack file's cloud, else this machine.",
    ),
]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="The stack file. Default: ./skytier.toml"),
]
Json = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def stack_file(file: Path | None, cloud: str | None) -> StackFile:
    """The stack file, with the cloud of --cloud."""
    read = stack.load(file)
    return read.model_copy(update={"cloud": cloud}) if cloud else read


def backend(wanted: StackFile) -> "Backend":
    """The stack, on its cloud or on this machine."""
    return local_stack(wanted) if wanted.cloud is None else cloud_stack(wanted)


def sample(wanted: StackFile) -> "Backend":
    """The same, for a command of the sample application. Raises SkytierError for another one."""
    if wanted.application.is_own:
        raise SkytierError(
            "This command belongs to the sample application, and the stack runs another one.",
            "Run a command of your own application: skytier run -- COMMAND",
        )
    return backend(wanted)


def secrets(wanted: StackFile) -> "Store":
    """Where the stack keeps the secrets of the operator's own application."""
    if wanted.cloud is None:
        from skytier.local import home
        from skytier.local.variables import HomeVariables

        return HomeVariables(home.from_environment())
    stack = cloud_stack(wanted)
    from skytier.openstack.secret import CloudVariables

    return CloudVariables(stack)


def up(wanted: StackFile) -> Callable[..., None]:
    """The dialog of `skytier up`."""
    if wanted.cloud is None:
        from skytier.cli.on_this_machine.up import up
    else:
        from skytier.cli.on_cloud.up import up
    return up


def release(wanted: StackFile) -> Callable[..., None]:
    """The dialog of `skytier release`."""
    if wanted.cloud is None:
        from skytier.cli.on_this_machine.release import release
    else:
        from skytier.cli.on_cloud.release import release
    return release


def progress(wanted: StackFile, *, as_json: bool) -> "Shown":
    """What shows the steps of a run, on its cloud or on this machine."""
    if wanted.cloud is None:
        from skytier.cli.on_this_machine.progress import progress as on_this_machine

        return on_this_machine(as_json=as_json)
    from skytier.cli.progress import progress as on_cloud

    return on_cloud(as_json=as_json)


def down(wanted: StackFile) -> Callable[..., None]:
    """The dialog of `skytier down`."""
    if wanted.cloud is None:
        from skytier.cli.on_this_machine.down import down
    else:
        from skytier.cli.on_cloud.down import down
    return down


def local_stack(wanted: StackFile) -> "LocalBackend":
    """The stack on this machine, in the home that the environment names."""
    from skytier.local import home
    from skytier.local.backend import LocalBackend

    return LocalBackend(home.from_environment(), wanted)


def cloud_stack(wanted: StackFile) -> "CloudBackend":
    """The stack on its cloud. Raises SkytierError when none is named."""
    if wanted.cloud is None:
        raise SkytierError(
            "No cloud is named, and this command is about a stack on a cloud.",
            'Name one: --cloud NAME, or cloud = "NAME" in the stack file.',
        )
    from skytier.openstack.backend import CloudBackend
    from skytier.openstack.connection import connect

    return CloudBackend(connect(wanted.cloud), wanted, wanted.cloud)

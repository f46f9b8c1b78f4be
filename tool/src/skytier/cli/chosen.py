"""Which stack a command is about: the options that all of them share."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skytier import stackfile as stack
from skytier.errors import SkytierError
from skytier.local import home
from skytier.local.stack import Stack as LocalStack
from skytier.openstack import clouds
from skytier.stackfile import StackFile

if TYPE_CHECKING:
    from skytier.openstack.application import CloudApplication
    from skytier.openstack.stack import CloudStack
    from skytier.watched import Watched

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


def cloud_stack(wanted: StackFile) -> "CloudStack":
    """The stack on its cloud. Raises SkytierError when none is named."""
    if wanted.cloud is None:
        raise SkytierError(
            "No cloud is named, and this command is about a stack on a cloud.",
            'Name one: --cloud NAME, or cloud = "NAME" in the stack file.',
        )
    # openstacksdk takes a second to import, which the stack on this machine need not wait for.
    from skytier.openstack.connection import connect
    from skytier.openstack.stack import CloudStack

    return CloudStack(connect(wanted.cloud), wanted, wanted.cloud)


def application(file: Path | None, cloud: str | None) -> "LocalStack | CloudApplication":
    """Where the application's own commands run."""
    wanted = stack_file(file, cloud)
    if wanted.cloud is None:
        return LocalStack(home.from_environment())
    from skytier.openstack.application import CloudApplication

    return CloudApplication(cloud_stack(wanted))


def watched(wanted: StackFile) -> "AbstractContextManager[Watched]":
    """The stack for the dashboard and reports, and the way to its figures while it is open."""
    if wanted.cloud is None:
        from skytier.local.watched import watched as watched_here

        return watched_here(LocalStack(home.from_environment()))
    from skytier.openstack.watching.watched import watched as watched_there

    return watched_there(cloud_stack(wanted))

"""Which stack a command is about: the options that all share, and the backend behind them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skytier import stackfile as stack
from skytier.cli import console
from skytier.errors import SkytierError
from skytier.openstack.login import clouds
from skytier.stackfile import StackFile
from skytier.stackfile.application import SAMPLE_PACKAGE

# Each backend is imported only when it is asked for: openstacksdk alone takes a second.
if TYPE_CHECKING:
    from skytier.backend import Backend
    from skytier.cli.dialog import Dialog
    from skytier.local.backend import LocalBackend
    from skytier.openstack.backend import CloudBackend

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
Place = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="first|second",
        help="Which place of the backups to read. Default: the first one that has the requested "
        "backup.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def stack_file(file: Path | None, cloud: str | None) -> StackFile:
    """The stack file, with the cloud of --cloud, and the region that OS_REGION_NAME chooses of the
    cloud's list."""
    console.name_stack(file, cloud)
    read = stack.load(file)
    wanted = read.model_copy(update={"cloud": cloud}) if cloud else read
    if wanted.cloud is None or wanted.region:
        return wanted
    region = clouds.region_of_environment(wanted.cloud)
    return wanted.model_copy(update={"region": region}) if region else wanted


def with_database(file: Path | None, cloud: str | None) -> StackFile:
    """The same, for a command about the database. Raises SkytierError for a stack without one."""
    wanted = stack_file(file, cloud)
    if not wanted.has_database:
        raise SkytierError(
            "The stack has no database: application.requires does not name PostgreSQL.",
            'Add "postgresql" to application.requires in the stack file, and run skytier up.',
        )
    return wanted


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


def dialog(
    wanted: StackFile,
    file: Path | None,
    *,
    yes: bool = False,
    as_json: bool = False,
    given: Mapping[str, Any] | None = None,
    given_up: Sequence[str] = (),
) -> "Dialog":
    """What a command that changes the stack shows and asks, with its backend.

    `given` are the options of `up` for a stack on this machine, and `given_up` is one for a stack
    on a cloud. Raises SkytierError for one that is given where the stack is elsewhere.
    """
    if wanted.cloud is None:
        if given_up:
            raise SkytierError(
                "--give-up is for a stack on a cloud, and this one is on this machine.",
                "Leave it out.",
            )
        from skytier.cli.on_this_machine.dialog import OnThisMachine

        return OnThisMachine(local_stack(wanted, given), file, yes, as_json)
    from skytier.cli.on_cloud.dialog import OnCloud

    _refuse_local_options(given or {})
    return OnCloud(cloud_stack(wanted, given_up), file, yes, as_json)


def local_stack(wanted: StackFile, given: Mapping[str, Any] | None = None) -> "LocalBackend":
    """The stack on this machine, in the home that the environment names."""
    from skytier.local import home
    from skytier.local.backend import LocalBackend
    from skytier.local.options import Given

    return LocalBackend(home.from_environment(), wanted, Given.by_command(given or {}))


def cloud_stack(wanted: StackFile, given_up: Sequence[str] = ()) -> "CloudBackend":
    """The stack on its cloud, where servers may be `given_up`. Raises SkytierError when none is
    named."""
    if wanted.cloud is None:
        raise no_cloud()
    from skytier.openstack.backend import CloudBackend
    from skytier.openstack.login.connection import connect

    return CloudBackend(connect(wanted.cloud, wanted.region), wanted, wanted.cloud, given_up)


def no_cloud() -> SkytierError:
    """The error of a command that is about clouds, for a stack on this machine."""
    do = 'Name one: --cloud NAME, or cloud = "NAME" in the stack file.'
    try:
        there = str(clouds.find())
    except SkytierError as error:
        there, do = "", f"{do} {error.what}"
    return SkytierError(
        "No cloud is named, and this command is about a stack on a cloud.",
        f"{do} There is {there}." if there else do,
    )


def _refuse_local_options(given: Mapping[str, Any]) -> None:
    named = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if named:
        raise SkytierError(
            f"{', '.join(named)} is for a stack on this machine, and this one is on a cloud.",
            "Say what is wanted in the stack file: skytier init writes one.",
        )

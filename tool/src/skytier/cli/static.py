"""`skytier static`"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skytier import sizes
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.progress import progress

if TYPE_CHECKING:
    from skytier.openstack.commands.static import Intended

app = typer.Typer()
static = typer.Typer(
    no_args_is_help=True, help="The static files in a container, as the origin of a CDN."
)
app.add_typer(static, name="static")


@static.callback()
def commands() -> None:
    """Keeps `push` a command of its own."""


@static.command(epilog="Example: skytier static push --cloud mycloud --dry-run")
def push(
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete the files that none of the last five releases uses."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
    ] = False,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put the static files of the source's release into the container that a CDN gets them from.

    It needs `static.bucket` in the stack file. `skytier up` and `skytier release` do the same
    before they switch a web server. Use this command to put the files there before the CDN asks
    for them, to put back what somebody deleted, or to delete old files. Only new and changed files
    are sent. Everybody may read them. Files of earlier releases stay, unless --prune is given.
    """
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    intended = stack.intend_static(lambda _: None)
    unused: Sequence[str] = intended.push.unused if prune else ()
    if not as_json:
        _show(intended, unused, with_names=dry_run)
    if not dry_run:
        if unused:
            console.confirm(
                f"Delete {_files(len(unused))} that no kept release uses?",
                yes,
                "--prune deletes files, and there is no terminal to confirm it.",
            )
        with progress(as_json=as_json) as events:
            stack.push_static(unused, events)
    if as_json:
        print(json.dumps(_data(intended, unused, dry_run=dry_run)))  # noqa: T201
        return
    console.out.print(
        f"The CDN's origin: {intended.origin}", markup=False, highlight=False, soft_wrap=True
    )


def _show(intended: "Intended", unused: Sequence[str], *, with_names: bool) -> None:
    push = intended.push
    say = f"{len(push.new)} new, {len(push.changed)} changed, {len(push.same)} as they are"
    console.out.print(
        f"{_files(len(push.files))} of the release {push.release}: {say}; "
        f"{sizes.in_words(push.bytes)} to send to {intended.bucket}.",
        markup=False,
        highlight=False,
    )
    lines = [("-", name) for name in unused]
    if with_names:
        sent = (("+", push.new), ("~", push.changed))
        lines = [*((sign, each.name) for sign, files in sent for each in files), *lines]
    for sign, name in lines:
        # A name may have anything in it, such as the end of a line.
        shown = name if name.isprintable() else ascii(name)
        console.out.print(f"{sign} {shown}", markup=False, highlight=False, soft_wrap=True)


def _data(intended: "Intended", unused: Sequence[str], *, dry_run: bool) -> dict[str, Any]:
    push = intended.push
    return {
        "event": "static push",
        "release": push.release,
        "bucket": intended.bucket,
        "origin": intended.origin,
        "dry_run": dry_run,
        "new": [each.name for each in push.new],
        "changed": [each.name for each in push.changed],
        "unchanged": len(push.same),
        "bytes": push.bytes,
        "deleted": list(unused),
    }


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"

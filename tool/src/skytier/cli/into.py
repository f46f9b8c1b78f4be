"""`skytier restore --into STACK`: a copy in another stack, beside the one with the backups."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from skytier import files
from skytier.cli import chosen, console
from skytier.cli.dialog import carry_out_up
from skytier.cli.versions import with_versions
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.pgbackrest.target import Target
from skytier.stackfile import DEFAULT_PATH, StackFile, values
from skytier.stackfile.read import text_of

HEALTHY_S = 180.0


def restore_into(
    name: str,
    to: str,
    original: StackFile,
    file: Path | None,
    place: str | None = None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring up the stack `name`, and restore `to` in it, from a place of the backups: None for the
    first that has it. Raises SkytierError."""
    check_name(name, original.name)
    beside = file or DEFAULT_PATH
    path = beside.parent / f"skytier.{name}.toml"
    stack = chosen.cloud_stack(original)
    intended = stack.copy_intended(to, place)
    if not path.exists():
        _refuse_another(name, original, path)
        _write(path, beside, original, name, intended.image, as_json=as_json)
    from skytier.stackfile.copied import check_copied

    wanted = chosen.stack_file(path, None)
    check_copied(wanted, name, path)
    _say(f"The database of {name} gets that of {original.name}: {intended.words}.", as_json=as_json)
    copy = chosen.cloud_stack(wanted)
    there = copy.copy_is_there()
    if there:
        _say(f"{name} is there already: what its database has is overwritten.", as_json=as_json)
        console.confirm(
            f"Overwrite the database of {name}?",
            yes,
            "This overwrites data, and there is no terminal to confirm it.",
        )
    dialog = chosen.dialog(wanted, path, yes=yes, as_json=as_json)

    def restore() -> Target:
        with dialog.progress() as events:
            return copy.restore_copy(intended, events)

    with _file_named(path):
        # Whatever else there is to do, it cannot end well on half a database.
        restored = restore() if there and copy.copy_is_unfinished() else None
        plan = with_versions(dialog.stack)
        # The application of one that was restored before need not answer.
        if not plan.empty and dialog.approve_up(plan):
            carry_out_up(dialog, plan)
        restored = restored or restore()
        healthy = until(lambda: copy.status().healthy, HEALTHY_S, 5)
        url = copy.status().url
    if as_json:
        said = {"event": "restore", "into": name, "file": str(path), "to": restored.words}
        print(json.dumps({**said, "url": url, "healthy": healthy}))  # noqa: T201
    _say(f"\n{url}/ has {restored.words}.", as_json=as_json)
    skytier, named = console.program(), f"--file {shlex.quote(str(path))}"
    _say(f"Its commands: {skytier} status {named}", as_json=as_json)
    _say(f"Remove it: {skytier} down --delete-data {named}", as_json=as_json)
    if not healthy:
        raise SkytierError(
            "The database is restored, and the copy is not healthy.",
            f"See skytier status {named}. A database from before a release may lack that "
            f"release's migrations: skytier release {named} runs them.",
        )


def check_name(name: str, original: str) -> None:
    """Raises typer.BadParameter for what is no name of another stack."""
    try:
        values.stack_name(name)
    except ValueError as error:
        raise typer.BadParameter(f"The name {name!r} {error}.") from None
    if name == original:
        raise typer.BadParameter(f"{name} is the stack itself, which is restored without --into.")


def _refuse_another(name: str, original: StackFile, path: Path) -> None:
    """Raises SkytierError for a stack that this command did not bring up from here, whatever is
    left of it."""
    if chosen.cloud_stack(original.model_copy(update={"name": name})).copy_exists():
        raise SkytierError(
            f"Resources of a stack {name} are there already, but its stack file {path} is not: it "
            "may not be a copy.",
            "Give the copy another name. Or bring that file here from the machine that made it.",
        )


def _write(
    path: Path, beside: Path, original: StackFile, name: str, image: str | None, *, as_json: bool
) -> None:
    # Loaded only here: it brings tomlkit along, which hardly any other command needs.
    from skytier.stackfile.copied import copied

    made = copied(text_of(beside), original, name, image)
    files.write(path, made.text, beside.stat().st_mode & 0o777)
    _say(f"Written: {path}, the stack file of {name}. It differs from {beside}:", as_json=as_json)
    for each in made.changes:
        _say(f"- {each}", as_json=as_json)


@contextmanager
def _file_named(path: Path) -> Iterator[None]:
    """Commands that an error advises are about the copy, so they need its stack file."""
    try:
        yield
    except SkytierError as error:
        if "skytier " not in f"{error.what} {error.do}":
            raise
        named = f"A command about the copy names its file: --file {shlex.quote(str(path))}"
        raise SkytierError(error.what, f"{error.do or ''} {named}".strip()) from error


def _say(text: str, *, as_json: bool) -> None:
    if not as_json:
        console.out.print(text, markup=False)

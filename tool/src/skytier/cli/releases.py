"""`skytier releases`"""

import json
from dataclasses import asdict
from typing import Any

import typer
from rich import box
from rich.table import Table

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.release.history import STAYS, Entry, Releases

app = typer.Typer()


@app.command(epilog="Example: skytier releases --cloud mycloud")
def releases(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """List the releases: when, who, which revision, and how each went.

    `serves` marks the one that visitors see. A rollback can lead to those that are kept.
    """
    found = chosen.backend(chosen.stack_file(file, cloud)).releases()
    if as_json:
        print(json.dumps([_data(each, found) for each in found.history.entries]))  # noqa: T201
        return
    if not found.history.entries:
        console.out.print("Nothing was released yet.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right")
    for heading in ("Release", "When (UTC)", "Who", "Revision", "State", "Kept"):
        table.add_column(heading)
    for each in reversed(found.history.entries):
        table.add_row(*_row(each, found))
    console.out.print(table)
    if found.history.pinned and (now := found.history.now()):
        console.out.print(STAYS.format(now.id))


def _data(each: Entry, found: Releases) -> dict[str, Any]:
    return {
        "number": each.number,
        "id": each.id,
        **asdict(each.author),
        "state": each.state,
        "serves": each.number == found.history.current,
        "kept": each.id in found.there,
    }


def _row(each: Entry, found: Releases) -> list[str]:
    author = each.author
    return [
        str(each.number),
        each.id,
        author.at.replace("T", " ").removesuffix("Z"),
        author.by,
        author.revision,
        "serves" if each.number == found.history.current else each.state,
        "yes" if each.id in found.there else "",
    ]

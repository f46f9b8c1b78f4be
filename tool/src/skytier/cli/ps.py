"""`skytier ps`"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

import typer
from rich import box
from rich.table import Table

from skytier import sizes
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.status import ProcessStatus

app = typer.Typer()


@app.command(epilog="Example: skytier ps --cloud mycloud")
def ps(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """List the processes of the application on each machine, with memory and age.

    After a release those of the release before are shown too, while they finish their work.
    """
    found = chosen.backend(chosen.stack_file(file, cloud)).processes_now()
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))  # noqa: T201
    else:
        console.out.print(_table(found))


def _table(processes: Sequence[ProcessStatus]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Machine", "Process", "State", "PID", "Age", "Memory", "Restarts", "Release"):
        right = heading in ("PID", "Age", "Memory", "Restarts")
        table.add_column(heading, no_wrap=True, justify="right" if right else "left")
    for each in processes:
        memory = "" if each.memory_bytes is None else sizes.in_words(each.memory_bytes)
        age = "" if each.age_s is None else str(timedelta(seconds=each.age_s))
        name = each.name if each.name == "web" else f"{each.name} {each.number}"
        table.add_row(
            *(each.machine, name, each.state, str(each.pid or ""), age, memory),
            *(str(each.restarts), each.release),
        )
    return table

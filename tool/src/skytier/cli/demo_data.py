"""`skytier demo-data`"""

import json
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from skytier.cli import chosen, console
from skytier.cli.chosen import SAMPLE_COMMAND, Cloud, File

app = typer.Typer()


@app.command("demo-data", epilog="Example: skytier demo-data --users 1000 --posts 100000")
def demo_data(
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many users.")] = 1000,
    posts: Annotated[int, typer.Option(min=0, max=10_000_000, help="How many posts.")] = 100_000,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Load users and posts into the sample application, all or none.

    Nobody can sign in as one of these users.
    """
    stack = chosen.sample(chosen.stack_file(file, cloud))
    options = (f"--users={users}", f"--posts={posts}")
    lines = stack.follow_application(*SAMPLE_COMMAND, "demo-data", *options)
    columns = (
        TextColumn("{task.description:<6}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    loaded: dict[str, int] = {}
    with Progress(*columns, console=console.out, disable=not console.out.is_terminal) as progress:
        tasks = {}
        for line in lines:
            report = json.loads(line)
            table = report["table"]
            if table not in tasks:
                tasks[table] = progress.add_task(table, total=report["total"])
            progress.update(tasks[table], completed=report["done"])
            loaded[table] = report["done"]
    said = " and ".join(f"{number} {table}" for table, number in loaded.items())
    console.out.print(f"Loaded {said}.")

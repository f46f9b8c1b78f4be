"""`skytier audit`"""

import json

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json

app = typer.Typer()


@app.command(epilog="Example: skytier audit --cloud mycloud")
def audit(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Show who changed the stack, when, from where and with what result, and who changes it now."""
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    lines, holder = stack.lock.audit(), stack.lock.holder()
    now = f"{holder.who} since {holder.since}: {holder.what}" if holder else None
    if as_json:
        print(json.dumps({"lines": lines, "holder": now}, indent=2))  # noqa: T201
        return
    for line in lines:
        console.out.print(line, markup=False)
    console.out.print(
        f"Working on it now: {now}" if now else "Nobody is working on it now.", markup=False
    )

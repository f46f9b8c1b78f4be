"""The file that a command writes, looked at before the command begins: some take minutes."""

import os
from pathlib import Path

import typer


def writable(path: Path | None) -> Path | None:
    """The same path. Raises typer.BadParameter for one that cannot be written."""
    if path is None:
        return None
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a directory: name a file.")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"There is no directory {path.parent}.")
    # It may be replaced by another file of the same name, which needs the directory.
    if not os.access(path.parent, os.W_OK) and not os.access(path, os.W_OK):
        raise typer.BadParameter(f"{path} cannot be written: permission denied.")
    return path

"""Small project trees, each one text file: what is expected, then `--- PATH` and its lines."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))
_FILE = re.compile(r"^--- (.+)\n", re.MULTILINE)


def read(path: Path) -> tuple[dict[str, Any], Mapping[str, str]]:
    """What is expected of a tree, and its files by their path."""
    expected, *rest = _FILE.split(path.read_text())
    return tomllib.loads(expected), dict(zip(rest[::2], rest[1::2], strict=True))


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """The files below a directory, which is returned."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def write_dedented(root: Path, files: Mapping[str, str]) -> Path:
    """The same for texts that are indented as in a test."""
    return write(root, {name: dedent(text) for name, text in files.items()})

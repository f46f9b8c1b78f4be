"""Reading TOML and JSON of a project: one clear line when a file is broken."""

import json
import tomllib
from typing import Any

from skytier.errors import SkytierError
from skytier.project.tree import Tree


def toml(tree: Tree, path: str) -> dict[str, Any]:
    """A file's content; empty when there is no such file. Raises SkytierError when it is broken."""
    try:
        return tomllib.loads(tree.text(path) or "")
    except (ValueError, RecursionError) as error:
        raise SkytierError(f"{path} is not TOML: {_said(error)}.") from None


def json_object(tree: Tree, path: str) -> dict[str, Any]:
    """The same for an object of JSON."""
    text = tree.text(path)
    if text is None:
        return {}
    try:
        found = json.loads(text)
        # `\ud800` is half a character, which no file and no variable can have.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise SkytierError(f"{path} is not JSON: {_said(error)}.") from None
    if not isinstance(found, dict):
        raise SkytierError(f"{path} is not an object of JSON.")
    return found


def table(value: Any, *names: str) -> dict[str, Any]:
    """The table that names lead to; empty when there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    """The tables of a list; what is no table is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def strings(value: Any) -> list[str]:
    """The texts of a list; what is no text is left out."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _said(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)

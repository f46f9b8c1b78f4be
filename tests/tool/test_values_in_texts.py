"""Texts that name a value have it: an f before the quotes is easily lost when lines are filled."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import skytier

_VALUE = re.compile(r"\{[a-z_]+(\.[a-z_]+)+\}")


def unfilled(text: str) -> Iterator[tuple[int, str]]:
    """Lines of texts that name an attribute in braces and are no f-strings."""
    for node in ast.walk(ast.parse(text)):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found = _VALUE.search(part.value)
                if found:
                    yield part.lineno, found[0]


def test_each_value_is_filled_in() -> None:
    root = Path(skytier.__file__).parent
    found = {
        str(path.relative_to(root)): list(unfilled(path.read_text())) for path in root.rglob("*.py")
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_walk_sees_one_beside_others() -> None:
    assert list(unfilled('def f(x): return f"{x.a} and " "the volume {x.id}"')) != []
    assert list(unfilled('def f(x): return f"{x.a} and the volume {x.id}"')) == []

"""Imports between the rooms of the tool run one way: down."""

import ast
from collections.abc import Iterator
from pathlib import Path

import skytier

SOURCE = Path(skytier.__file__).parent
LAYERS = (
    {"__main__"},
    {"cli"},
    {"dashboard", "doctor", "grafana", "report"},
    {"local", "openstack"},
    {"backend"},
    {"costs", "watched"},
    {"deploy", "metrics"},
    {"dump", "release", "roles"},
    {"services"},
    {"secrets", "topology"},
    {"project", "stackfile"},
    {"charts", "status"},
    {"hosts"},
    {"follow", "health", "listing", "render"},
    {"files", "moment", "poll", "quoting", "sizes"},
    {"errors"},
)
"""A room, which is a package or a module beside them, imports only from layers below its own."""


def test_every_room_has_its_layer() -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py"}
    rooms |= {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    placed = [room for layer in LAYERS for room in layer]
    assert sorted(placed) == sorted(rooms - {"__init__"})


def test_no_import_goes_up_or_sideways() -> None:
    level = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    wrong = [
        f"{path.relative_to(SOURCE)} imports skytier.{other}"
        for path in sorted(SOURCE.rglob("*.py"))
        for other in _imported(path)
        if other != (room := path.relative_to(SOURCE).parts[0].removesuffix(".py"))
        and level[other] <= level[room]
    ]
    assert wrong == []


def _imported(path: Path) -> Iterator[str]:
    """The rooms that a file names in its imports, wherever they stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("skytier."))

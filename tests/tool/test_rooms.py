"""Imports between the rooms of the tool run one way: down."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import skytier

Layers = tuple[set[str], ...]
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


OF_OPENSTACK = (
    {"backend", "commands", "spending", "stack", "usages", "watching"},
    {"plan"},
    {"lock", "machines"},
    {"choices"},
    {"login"},
    {"resources"},
    {"catalog", "entry_point", "holder"},
)
"""The same within `openstack`. Those of the uppermost layer import each other."""
HOUSE = [("skytier", LAYERS, 0), ("skytier.openstack", OF_OPENSTACK, 1)]
"""A package, its layers, and how many of the uppermost may import each other."""


@pytest.mark.parametrize(("package", "layers", "free"), HOUSE)
def test_every_room_has_its_layer(package: str, layers: Layers, free: int) -> None:
    source = directory(package)
    rooms = {path.stem for path in source.iterdir() if path.suffix == ".py"}
    rooms |= {path.parent.name for path in source.glob("*/__init__.py")}
    placed = [room for layer in layers for room in layer]
    assert sorted(placed) == sorted(rooms - {"__init__"})


@pytest.mark.parametrize(("package", "layers", "free"), HOUSE)
def test_no_import_goes_up_or_sideways(package: str, layers: Layers, free: int) -> None:
    source = directory(package)
    level = {room: number for number, layer in enumerate(layers) for room in layer}
    wrong = [
        f"{path.relative_to(source)} imports {package}.{other}"
        for path in sorted(source.rglob("*.py"))
        for other in _imported(path, package)
        if other != (room := path.relative_to(source).parts[0].removesuffix(".py"))
        and level[other] <= level[room]
        and level[room] >= free
    ]
    assert wrong == []


def directory(package: str) -> Path:
    return SOURCE.joinpath(*package.split(".")[1:])


def _imported(path: Path, package: str) -> Iterator[str]:
    """The rooms of a package that a file names in its imports, wherever they stand."""
    inside = f"{package}."
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (
            name.removeprefix(inside).split(".")[0] for name in names if name.startswith(inside)
        )

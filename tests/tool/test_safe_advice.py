"""What the tool tells people to do: nothing of it deletes what holds data."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import skytier

ROOT = Path(skytier.__file__).parent
DELETES = re.compile(
    r"openstack (server|volume|volume snapshot|image|stack|\{\}) (delete|rebuild)|delete --force|"
    r"(skytier|\{\}) down|--purge|begin a(new|gain)|made a(new|gain): |rm -r|delete it yourself|"
    r"DROP (TABLE|DATABASE)|dropdb|"
    # Whatever stands in the way, nobody looked at what is on it.
    r"(delete|remove|purge|destroy|rebuild) (that|this|it|them|these|those|the others?) "
    r"(first|before)",
    re.IGNORECASE,
)
SAID_WHEN_ASKED = {
    # What a command is for, in its own help, and how a stack that is up well is taken down.
    "cli/down.py": {"skytier down", "--purge"},
    "cli/on_cloud/down.py": {"skytier down"},
    # What `down` says of a container with objects, which it was asked to delete and leaves.
    "openstack/plan/object_store.py": {"skytier down", "--purge"},
    # The same in the reference of the stack file.
    "stackfile/storage.py": {"skytier down", "--purge"},
    # What is run on a machine: the copy of a rehearsal goes, which is no data of anybody's.
    "deploy/program.py": {"rm -r"},
    # Only of what holds no data.
    "costs/advice/leftovers.py": {"openstack {} delete"},
}


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text in a module, with `{}` for what is filled in, but for docstrings and comments."""
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    for node in ast.walk(tree):
        if id(node) in inside or id(node) in docstrings:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        if isinstance(node, ast.JoinedStr):
            parts = (each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
            yield node.lineno, "".join(str(part) for part in parts)


def advice(path: Path) -> list[tuple[int, str]]:
    """What in a file may be read as advice to delete something: line and words."""
    name = path.relative_to(ROOT).as_posix()
    if path.suffix == ".py":
        found = list(texts(ast.parse(path.read_text())))
    else:
        # Scripts and configuration: what they say to people, not what they do on a machine.
        lines = enumerate(path.read_text().splitlines(), 1)
        found = [(number, line) for number, line in lines if "rm -r" not in line]
    allowed = SAID_WHEN_ASKED.get(name, set())
    return [
        (number, match[0])
        for number, text in found
        for match in DELETES.finditer(text)
        if match[0] not in allowed
    ]


SOURCES = sorted(
    path for path in ROOT.rglob("*") if path.suffix in (".py", ".j2") and path.is_file()
)


def test_no_message_of_the_tool_advises_to_delete_what_holds_data() -> None:
    assert len(SOURCES) > 150
    found = {str(path.relative_to(ROOT)): said for path in SOURCES if (said := advice(path))}
    # Summaries of what a command did say how to take the stack down: a label, and no remedy.
    labels = {"cli/on_this_machine/up.py": 1, "cli/on_cloud/up.py": 1, "cli/into.py": 1}
    for name, count in labels.items():
        assert len(found.pop(name, [])) == count, name
    assert found == {}


def test_a_restore_that_is_advised_says_to_what() -> None:
    """Without --to the command is refused, in the middle of an outage."""
    incomplete = re.compile("skytier restore(?! --(to|into) )")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {said}"
        for path in SOURCES
        for line, said in (
            texts(ast.parse(path.read_text()))
            if path.suffix == ".py"
            else enumerate(path.read_text().splitlines(), 1)
        )
        if incomplete.search(said)
    ]
    assert found == []


@pytest.mark.parametrize(
    "said",
    [
        'SkytierError("It is broken.", "Begin anew: openstack server delete " + name)',
        'SkytierError("x", f"openstack volume delete --force {found.id}")',
        'do = f"run skytier down and begin anew"',
        'LossError(f"a" f"skytier {x} b", "skytier down")',
        'Finding(State.FAILED, "x", "skytier down --purge --yes")',
        'f"if nobody needs it: openstack {kind} delete {id}"',
        'SkytierError("x", "Something still needs it. Delete that first: " f"openstack {x}")',
        'refuse("Remove them before you run it again.")',
    ],
)
def test_the_walk_sees_such_advice_wherever_it_stands(said: str) -> None:
    assert any(DELETES.search(text) for _, text in texts(ast.parse(said)))


@pytest.mark.parametrize(
    "said",
    [
        '"""Advice: skytier down."""',
        'def f():\n    """Deletes as skytier down does."""',
        '"See openstack server show 1"',
    ],
)
def test_the_walk_leaves_alone_what_is_none(said: str) -> None:
    assert not any(DELETES.search(text) for _, text in texts(ast.parse(said)))

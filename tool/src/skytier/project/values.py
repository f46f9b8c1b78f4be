"""Values of a Python file that can be known without running it."""

import ast
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import normpath

from skytier.project.module import Module, keyword, literal

Lookup = Callable[[str], tuple[Module, ast.expr] | None]
"""The value of a name, and the file that has it."""

_STEPS = 200
"""How much of an expression is read: names may lead to names in a circle."""
_SAME = (
    "abspath",
    "realpath",
    "resolve",
    "absolute",
    "expanduser",
    "str",
    "fspath",
)


def text(node: ast.expr) -> str | None:
    """A string, also as the default of a variable: `os.environ.get("X", "text")`."""
    return literal(default(node))


def default(node: ast.expr) -> ast.expr:
    """What a value is where the environment does not say: of `env("X", default=1)` it is `1`."""
    match node:
        case ast.BoolOp(op=ast.Or(), values=[*_, last]):
            return last
        case ast.Call() if _reads_environment(node.func):
            given = keyword(node, "default")
            return given or (node.args[1] if len(node.args) > 1 else node)
    return node


def variable(node: ast.expr) -> str | None:
    """The variable that a value is read from; None when it is from no variable."""
    match node:
        case ast.BoolOp(values=[first, *_]):
            node = first
    match node:
        case ast.Subscript(value=value, slice=key) if _last(value) == "environ":
            return literal(key)
        case ast.Call(func=func, args=[key, *_]) if _reads_environment(func):
            return literal(key)
    return None


def _reads_environment(func: ast.expr) -> bool:
    """`os.getenv`, `os.environ.get`, `env` and `env.str` of environs, `config` of decouple."""
    match func:
        case ast.Attribute(value=value, attr="get" | "str" | "bool" | "path"):
            return _last(value) in ("environ", "env")
    return _last(func) in ("getenv", "env", "config")


def path(node: ast.expr, module: Module, lookup: Lookup) -> PurePosixPath | None:
    """A path, relative to the source when it is built on `__file__`; None when it is not known.

    Understands pathlib and os.path, and names that `lookup` knows.
    """
    return _path(node, module, lookup, iter(range(_STEPS)))


def _path(
    node: ast.expr, module: Module, lookup: Lookup, steps: Iterator[int]
) -> PurePosixPath | None:
    if next(steps, None) is None:
        return None

    def inner(each: ast.expr) -> PurePosixPath | None:
        return _path(each, module, lookup, steps)

    node = default(node)
    match node:
        case ast.Constant(value=str(value)) if value.isprintable():
            return PurePosixPath(value)
        case ast.Name(id="__file__"):
            return PurePosixPath(module.path)
        case ast.Name(id=name):
            found = lookup(name)
            return _path(found[1], found[0], lookup, steps) if found else None
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _joined(inner(left), inner(right))
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=str(end))):
            return _extended(inner(left), end)
        case ast.JoinedStr(values=[ast.FormattedValue(value=begin), ast.Constant(value=str(end))]):
            return _extended(inner(begin), end)
        case ast.BinOp(left=left, op=ast.Sub(), right=ast.Constant(value=int(up))):
            # The Path of django-environ.
            return _above(inner(left), up)
        case ast.Attribute(value=value, attr="parent"):
            return _above(inner(value), 1)
        case ast.Subscript(
            value=ast.Attribute(value=value, attr="parents"), slice=ast.Constant(value=int(up))
        ):
            return _above(inner(value), up + 1)
        case ast.Call(func=func, args=arguments):
            return _called(func, arguments, inner)
    return None


def _called(
    func: ast.expr, arguments: list[ast.expr], inner: Callable[[ast.expr], PurePosixPath | None]
) -> PurePosixPath | None:
    name = _last(func)
    parts = list(arguments)
    if isinstance(func, ast.Attribute) and name in ("resolve", "absolute", "joinpath", "as_posix"):
        parts = [func.value, *(arguments if name == "joinpath" else [])]
    if not parts:
        return None
    first = inner(parts[0])
    if name == "dirname":
        return _above(first, 1)
    if name in ("join", "joinpath", "Path", "PurePath"):
        for part in parts[1:]:
            first = _joined(first, inner(part))
        return first
    return first if name in (*_SAME, "as_posix") else None


def _joined(left: PurePosixPath | None, right: PurePosixPath | None) -> PurePosixPath | None:
    """None for what is above the source."""
    if left is None or right is None:
        return None
    joined = normpath(left / right)
    return None if joined == ".." or joined.startswith("../") else PurePosixPath(joined)


def _extended(path: PurePosixPath | None, end: str) -> PurePosixPath | None:
    """A path with more of it, as a string: `BASE_DIR + "/static"`."""
    if path is None or not end.isprintable():
        return None
    if path == PurePosixPath("."):
        return _joined(path, PurePosixPath(end.lstrip("/"))) if end.startswith("/") else None
    return _joined(PurePosixPath("."), PurePosixPath(f"{path}{end}"))


def _above(path: PurePosixPath | None, levels: int) -> PurePosixPath | None:
    """None for what is above the source."""
    if path is None or levels < 0 or levels > len(path.parts) or ".." in path.parts:
        return None
    return path.parents[levels - 1] if levels else path


def _last(node: ast.expr) -> str:
    """The last part of a dotted name: `get` of `os.environ.get`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def texts(nodes: Sequence[ast.expr], lookup: Lookup) -> set[str]:
    """All strings in expressions, and in the names that they are made of."""
    found = set[str]()
    ahead: list[ast.AST] = [*nodes]
    seen = set[str]()
    while ahead:
        for each in ast.walk(ahead.pop()):
            if (said := literal(each)) is not None:
                found.add(said)
            elif isinstance(each, ast.Name) and each.id not in seen:
                seen.add(each.id)
                value = lookup(each.id)
                if value is not None:
                    ahead.append(value[1])
    return found


def required(module: Module) -> Iterator[tuple[str, str]]:
    """Variables that a file reads as it is imported and that have no default, and where."""
    # `NAMES += [...]` has the value before within it, so that nodes are met again.
    seen = set[int]()
    for binding in (each for bindings in module.bindings.values() for each in bindings):
        ahead: list[ast.AST] = [] if binding.conditional else [binding.value]
        while ahead:
            node = ahead.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, ast.IfExp | ast.Lambda):
                continue
            ahead.extend(ast.iter_child_nodes(node))
            if (name := _without_default(node)) and name.isidentifier() and name.isupper():
                yield name, module.at(binding.line)


def _without_default(node: ast.AST) -> str | None:
    match node:
        case ast.Subscript(value=value, slice=key) if _last(value) == "environ":
            return literal(key)
        # environ.Env and decouple raise; os.environ.get and os.getenv give None.
        case ast.Call(func=ast.Name(id="env" | "config"), args=[key], keywords=keywords):
            names = {each.arg for each in keywords}
            return None if "default" in names else literal(key)
    return None

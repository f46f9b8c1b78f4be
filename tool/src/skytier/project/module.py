"""One Python file as data: what it imports, defines and assigns at its top level."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Binding:
    """`NAME = value` at the top level of a file."""

    value: ast.expr
    line: int
    conditional: bool
    """Whether it is within an `if` or another block that may not run."""


class Module:
    """A parsed file."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        """Relative to the source: `shop/main.py`."""
        self.imports: dict[str, str] = {}
        """Local name to origin: `Flask` to `flask.Flask`, or `app` to `.factory.app`."""
        self.import_lines: dict[str, int] = {}
        self.stars: list[str] = []
        """Modules of `from MODULE import *`."""
        self.bindings: dict[str, list[Binding]] = {}
        self._chosen: dict[str, Binding] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.coroutines: dict[str, ast.AsyncFunctionDef] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.nodes = tuple(ast.walk(tree))
        """All nodes, also those in functions."""
        self.strings = {text for node in self.nodes if (text := literal(node))}
        self.origins = frozenset(_origins(self.nodes))
        """Each module that is imported, also in functions, as it is written."""
        self._inner = _imports_in(self.nodes)
        for statement, conditional in _statements(tree.body):
            self._take(statement, conditional)

    def at(self, line: int) -> str:
        return f"{self.path}, line {line}"

    def binding(self, name: str) -> Binding | None:
        """The last value of a name that is always set, else the last of all; None for no value."""
        return self._chosen.get(name)

    def dotted(self, node: ast.AST) -> str:
        """The full name that an expression means: `flask.Flask`; empty when it is no name."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        inner = self._inner.get(node.id, node.id)
        parts.append(self.imports.get(node.id, inner))
        return ".".join(reversed(parts))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Each call in the file with the full name of what is called."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield self.dotted(node.func), node

    def _take(self, statement: ast.stmt, conditional: bool) -> None:
        match statement:
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.partition(".")[0]
                    self.imports[alias.asname or first] = alias.name if alias.asname else first
            case ast.ImportFrom(module=module, names=names, level=level, lineno=line):
                origin = "." * level + (module or "")
                for alias in names:
                    if alias.name == "*":
                        self.stars.append(origin)
                    else:
                        dot = "." if module else ""
                        self.imports[alias.asname or alias.name] = f"{origin}{dot}{alias.name}"
                        self.import_lines[alias.asname or alias.name] = line
            case ast.FunctionDef(name=name):
                self.functions[name] = statement
            case ast.AsyncFunctionDef(name=name):
                self.coroutines[name] = statement
            case ast.ClassDef(name=name):
                self.classes[name] = statement
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value, conditional)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, value, conditional)
            case ast.AugAssign(target=ast.Name(id=name) as target, value=value):
                if before := self.binding(name):
                    value = ast.copy_location(ast.BinOp(before.value, ast.Add(), value), value)
                self._bind(target, value, conditional)

    def _bind(self, target: ast.expr, value: ast.expr, conditional: bool) -> None:
        if isinstance(target, ast.Name):
            binding = Binding(value, target.lineno, conditional)
            self.bindings.setdefault(target.id, []).append(binding)
            before = self._chosen.get(target.id)
            if before is None or before.conditional or not conditional:
                self._chosen[target.id] = binding


def _origins(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _imports_in(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Names that are imported anywhere: in functions, and only for types."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
    }


def literal(node: ast.AST | None) -> str | None:
    """The text of a string in the source, if it can be seen; None for all else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if node.value.isprintable() else None
    return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a call's keyword argument."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def argument(call: ast.Call, number: int, name: str) -> ast.expr | None:
    """A call's argument by its position, from 0, or its name."""
    if number < len(call.args):
        return call.args[number]
    return keyword(call, name)


def _statements(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, bool]]:
    """Statements that importing the file may run, in order, and whether each may not run."""
    ahead = [(each, False) for each in reversed(body)]
    while ahead:
        statement, conditional = ahead.pop()
        yield statement, conditional
        inner: list[tuple[ast.stmt, bool]] = []
        match statement:
            case ast.If(test=test, body=then, orelse=otherwise):
                blocks = [*([] if _only_as_program(test) else then), *otherwise]
                inner = [(each, True) for each in blocks]
            case ast.Try(body=then, handlers=handlers, orelse=otherwise, finalbody=last):
                inner = [(each, conditional) for each in then]
                inner += [(each, True) for handler in handlers for each in handler.body]
                inner += [(each, conditional) for each in (*otherwise, *last)]
            case ast.With(body=then) | ast.AsyncWith(body=then):
                inner = [(each, conditional) for each in then]
            case ast.For(body=then) | ast.While(body=then):
                inner = [(each, True) for each in then]
        ahead.extend(reversed(inner))


def _only_as_program(test: ast.expr) -> bool:
    """`__name__ == "__main__"`, and `TYPE_CHECKING`, which is never true."""
    match test:
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False

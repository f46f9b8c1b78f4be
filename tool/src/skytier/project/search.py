"""Follows names through the files of a project to the application objects that they mean."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skytier.project.kinds import Found, Kind
from skytier.project.module import Module
from skytier.project.tree import Tree


@dataclass(frozen=True)
class _Factory:
    module: Module
    function: ast.FunctionDef
    call: ast.Call | None
    """The call that makes the object; None where only the annotation says so."""


class Search:
    """Follows names through the files of a project. Each name is looked at once."""

    def __init__(self, tree: Tree, kind: Kind) -> None:
        self._tree = tree
        self._kind = kind
        self._origins: dict[tuple[str, str], tuple[Module, ast.Call | None] | None] = {}
        self._classes: dict[tuple[str, str], bool] = {}
        self._factories: dict[tuple[str, str], _Factory | None] = {}

    def everywhere(self) -> Iterator[Found]:
        for module in self._tree.mentioning(self._kind.word, *self._kind.factories):
            yield from self.objects(module)

    def objects(self, module: Module) -> Sequence[Found]:
        """Of one file, as the framework's own command would choose."""
        kind = self._kind
        made = [
            Found(kind, module, name, self._line(module, name), *origin)
            for name in dict.fromkeys((*kind.names, *module.bindings))
            if (origin := self._origin(module, name))
        ]
        if made and (kind.first or made[0].name in kind.names):
            return made[:1]
        return made or self._own_factories(module)

    def _line(self, module: Module, name: str) -> int:
        binding = module.binding(name)
        return binding.line if binding else module.import_lines.get(name, 1)

    def _own_factories(self, module: Module) -> Sequence[Found]:
        found = [
            Found(self._kind, module, name, each.function.lineno, module, each.call, factory=True)
            for name in module.functions
            if (each := self._factory(module, name)) and not _needs_arguments(each.function)
        ]
        named = [each for each in found if each.name in self._kind.factories]
        return named[:1] or found

    def _origin(self, module: Module, name: str) -> tuple[Module, ast.Call | None] | None:
        """Where the object of a name is made: by the class, or by a factory of the project."""
        seen = list[tuple[str, str]]()
        here: Module | None = module
        found = None
        while here is not None and (here.path, name) not in self._origins:
            key = (here.path, name)
            # Until it is known, so that a circle ends.
            self._origins[key] = None
            seen.append(key)
            bindings = here.bindings.get(name, ())
            calls = [each.value for each in bindings if isinstance(each.value, ast.Call)]
            made = (self._made_by(here, call) for call in calls)
            found = next((each for each in made if each), None)
            if found:
                break
            alias = next(
                (each.value.id for each in bindings if isinstance(each.value, ast.Name)), ""
            )
            if alias:
                name = alias
            else:
                here, name = self._imported(here, name)
        else:
            found = self._origins.get((here.path, name)) if here else None
        self._origins.update(dict.fromkeys(seen, found))
        return found

    def _made_by(self, module: Module, call: ast.Call) -> tuple[Module, ast.Call | None] | None:
        if self._makes(module, call):
            return module, call
        there, name = self._named(module, call.func)
        factory = self._factory(there, name) if there else None
        return (factory.module, factory.call) if factory else None

    def _factory(self, module: Module, name: str) -> _Factory | None:
        """A function that returns an application, also one that the file imports."""
        here: Module | None = module
        seen = list[tuple[str, str]]()
        found = None
        while here is not None and (here.path, name) not in self._factories:
            self._factories[here.path, name] = None
            seen.append((here.path, name))
            if function := here.functions.get(name):
                found = self._as_factory(here, function)
                break
            here, name = self._imported(here, name)
        else:
            found = self._factories.get((here.path, name)) if here else None
        self._factories.update(dict.fromkeys(seen, found))
        return found

    def _as_factory(self, module: Module, function: ast.FunctionDef) -> _Factory | None:
        nodes = list(ast.walk(function))
        calls = (node for node in nodes if isinstance(node, ast.Call))
        made = next((call for call in calls if self._makes(module, call)), None)
        returns = any(isinstance(node, ast.Return) and node.value for node in nodes)
        annotation = module.dotted(function.returns) if function.returns else ""
        if (made and returns) or annotation in self._kind.classes:
            return _Factory(module, function, made)
        return None

    def _makes(self, module: Module, call: ast.Call) -> bool:
        """Whether a call is of the framework's class, or of a class of the project below it."""
        if module.dotted(call.func) in self._kind.classes:
            return True
        here, name = self._named(module, call.func)
        return here is not None and self._is_class(here, name)

    def _is_class(self, module: Module, name: str) -> bool:
        """Whether a name is a class of the project below the framework's."""
        here: Module | None = module
        seen = list[tuple[str, str]]()
        found = False
        while here is not None and (here.path, name) not in self._classes:
            self._classes[here.path, name] = False
            seen.append((here.path, name))
            definition = here.classes.get(name)
            if definition is None:
                here, name = self._imported(here, name)
                continue
            bases = [here.dotted(base) for base in definition.bases]
            if self._kind.classes.intersection(bases):
                found = True
                break
            name = next((base for base in bases if base in here.classes), "")
        else:
            found = here is not None and self._classes[here.path, name]
        self._classes.update(dict.fromkeys(seen, found))
        return found

    def _named(self, module: Module, node: ast.expr) -> tuple[Module | None, str]:
        """The file and the name there of a function or class: `shop.create_app`."""
        if isinstance(node, ast.Name):
            return module, node.id
        return self._at(module, module.dotted(node))

    def _imported(self, module: Module, name: str) -> tuple[Module | None, str]:
        """The file of the project that a name is imported from, and its name there."""
        return self._at(module, module.imports.get(name, ""))

    def _at(self, module: Module, origin: str) -> tuple[Module | None, str]:
        name = origin.rpartition(".")[2]
        package = origin.removesuffix(name)
        # `.app` is from the package itself, `.shop.app` and `shop.app` are from `shop`.
        package = package.removesuffix(".") if package.strip(".") else package
        path = self._tree.find(package, module.path) if package else None
        return (self._tree.module(path) if path else None), name


def _needs_arguments(function: ast.FunctionDef) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional > len(arguments.defaults) or None in arguments.kw_defaults

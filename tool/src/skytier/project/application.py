"""Finds the application object of a framework: a variable, or a factory that returns one."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skytier.project.module import Module
from skytier.project.recognised import Interface, Question, Recognised
from skytier.project.tree import Tree

_PLACES = ("main", "app", "api", "asgi", "wsgi", "application", "server", "__init__")


@dataclass(frozen=True)
class Kind:
    """How the application objects of a framework look."""

    framework: str
    interface: Interface
    classes: frozenset[str]
    """Full names: `flask.Flask`."""
    word: str
    """What every file has that makes one: `Flask`."""
    files: Sequence[str]
    """Where the framework's own command looks, in its order."""
    names: Sequence[str]
    """Names of variables, in its order."""
    factories: Sequence[str]
    first: bool = False
    """Whether its command takes the first of several objects in a file."""


@dataclass(frozen=True)
class Found:
    """An application object."""

    kind: Kind
    module: Module
    name: str
    line: int
    made_in: Module
    """The file that calls the class; another one when the object is imported."""
    call: ast.Call | None
    factory: bool = False

    def recognised(self, tree: Tree, why: str = "") -> Recognised:
        """The keys for this object."""
        imported = tree.importable(self.module)
        if imported is None:
            asks = f"{self.module.path} has {self.name}, and no name that Python can import."
            return Recognised(questions={"serve": Question(asks)})
        interface = self.kind.interface
        if self.factory:
            interface = "asgi-factory" if interface == "asgi" else "wsgi-factory"
        what = f"{self.name}() returns" if self.factory else f"{self.name} is"
        because = {"serve": f"{self.module.at(self.line)}: {what} the application{why}."}
        because["framework"] = because["serve"]
        env = {}
        if imported.directory:
            env["PYTHONPATH"] = imported.directory
            because["env.PYTHONPATH"] = f"{self.module.path} is imported as {imported.name}."
        return Recognised(
            framework=self.kind.framework,
            serve=f"{imported.name}:{self.name}",
            interface=interface,
            env=env,
            because=because,
        )


def application(tree: Tree, kind: Kind) -> Sequence[Found]:
    """The application object; several, when the files do not say which it is."""
    search = _Search(tree, kind)
    for path in kind.files:
        module = tree.module(path)
        if module is not None and (found := search.objects(module)):
            return found
    elsewhere = sorted(search.everywhere(), key=_place)
    # The same object by another name is no other candidate.
    different = list({_made(each): each for each in reversed(elsewhere)}.values())[::-1]
    tops = {_top(each) for each in different}
    best = [each for each in different if _place(each) == _place(different[0])]
    # An application may have others mounted in it, further down in its own directory.
    return best if len(best) == 1 and len(tops) == 1 else different


def which(tree: Tree, found: Sequence[Found]) -> Recognised:
    """The question that several objects make."""
    known = [(each, each.recognised(tree)) for each in found]
    asks = "Which object is the application? " + ", ".join(
        f"{said.serve} ({each.module.at(each.line)})" for each, said in known if said.serve
    )
    candidates = [said.serve for _, said in known if said.serve]
    frameworks = {each.kind.framework for each in found}
    return Recognised(
        framework=frameworks.pop() if len(frameworks) == 1 else "",
        questions={"serve": Question(f"{asks}.", candidates)},
    )


def _made(found: Found) -> tuple[str, int]:
    return found.made_in.path, found.call.lineno if found.call else found.line


def _place(found: Found) -> tuple[bool, int, int]:
    stem = found.module.path.rpartition("/")[2].removesuffix(".py")
    # Another file that only imports the object comes last.
    rank = len(_PLACES) + (found.made_in is not found.module)
    if stem in _PLACES:
        rank = _PLACES.index(stem)
    return found.factory, found.module.path.count("/"), rank


def _top(found: Found) -> str:
    parts = found.module.path.removeprefix("src/").split("/")
    return parts[0] if len(parts) > 1 else ""


@dataclass(frozen=True)
class _Factory:
    module: Module
    function: ast.FunctionDef
    call: ast.Call | None
    """The call that makes the object; None where only the annotation says so."""


class _Search:
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

"""Application objects: how those of a framework look, and one that was found."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from skytier.project.module import Module
from skytier.project.recognised import Interface, Question, Recognised
from skytier.project.tree import Tree


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

    def recognised(self, tree: Tree) -> Recognised:
        """The keys for this object."""
        imported = tree.importable(self.module)
        if imported is None:
            asks = f"{self.module.path} has {self.name}, and no name that Python can import."
            return Recognised(questions={"serve": Question(asks)})
        interface = self.kind.interface
        if self.factory:
            interface = "asgi-factory" if interface == "asgi" else "wsgi-factory"
        what = f"{self.name}() returns" if self.factory else f"{self.name} is"
        because = {"serve": f"{self.module.at(self.line)}: {what} the application."}
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

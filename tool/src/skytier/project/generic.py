"""Recognises other applications with an ASGI or WSGI interface."""

import ast

from skytier.project.application import application, which
from skytier.project.kinds import Kind
from skytier.project.module import Module
from skytier.project.recognised import Interface, Question, Recognised
from skytier.project.tree import Tree

_ASGI_FILES = ("asgi.py", "main.py", "app.py", "server.py")
_WSGI_FILES = ("wsgi.py", "app.py", "main.py", "application.py")


def _kind(framework: str, interface: Interface, word: str, *classes: str) -> Kind:
    return Kind(
        framework=framework,
        interface=interface,
        classes=frozenset(classes),
        word=word,
        files=_ASGI_FILES if interface == "asgi" else _WSGI_FILES,
        names=("app", "application"),
        factories=("create_app", "make_app"),
    )


KINDS = (
    _kind("quart", "asgi", "Quart", "quart.Quart", "quart.app.Quart"),
    _kind("sanic", "asgi", "Sanic", "sanic.Sanic", "sanic.app.Sanic"),
    _kind("falcon", "asgi", "falcon.asgi", "falcon.asgi.App", "falcon.asgi.app.App"),
    _kind("falcon", "wsgi", "falcon", "falcon.App", "falcon.API", "falcon.app.App"),
    _kind(
        "blacksheep",
        "asgi",
        "blacksheep",
        "blacksheep.Application",
        "blacksheep.server.Application",
    ),
    _kind("bottle", "wsgi", "bottle", "bottle.Bottle", "bottle.default_app"),
)


def recognise(tree: Tree) -> Recognised:
    """What another framework needs, or a plain application; empty when there is none."""
    for kind in KINDS:
        if found := application(tree, kind):
            return found[0].recognised(tree) if len(found) == 1 else which(tree, found)
    return _plain(tree)


def _plain(tree: Tree) -> Recognised:
    """A function with the interface's own arguments, or a variable where it is expected."""
    for module in tree.mentioning("def app(", "def application(", "application =", "app ="):
        for name in ("application", "app"):
            interface, line = _interface(module, name)
            imported = tree.importable(module)
            if not interface or not imported:
                continue
            at = module.at(line)
            return Recognised(
                framework=interface,
                serve=f"{imported.name}:{name}",
                interface=interface,
                env={"PYTHONPATH": imported.directory} if imported.directory else {},
                because={"serve": f"{at}: {name} is the application."},
            )
    return Recognised()


def _interface(module: Module, name: str) -> tuple[Interface, int]:
    coroutine = module.coroutines.get(name)
    if coroutine and _arguments(coroutine) == ["scope", "receive", "send"]:
        return "asgi", coroutine.lineno
    function = module.functions.get(name)
    if function and _arguments(function)[:1] == ["environ"] and len(_arguments(function)) == 2:
        return "wsgi", function.lineno
    stem = module.path.rpartition("/")[2].removesuffix(".py")
    binding = module.binding(name)
    if binding and stem in ("asgi", "wsgi"):
        return ("asgi" if stem == "asgi" else "wsgi"), binding.line
    return "", 0


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [each.arg for each in (*function.args.posonlyargs, *function.args.args)]


def unknown(tree: Tree) -> Recognised:
    """The question where nothing was recognised."""
    asks = (
        'What serves the application? Nothing in it is known. Write serve = "module:object",'
        ' or run = "a command that serves at the sockets that it inherits".'
    )
    return Recognised(questions={"serve": Question(asks)})

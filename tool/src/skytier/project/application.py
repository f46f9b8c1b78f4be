"""Chooses the application object of a project: a variable, or a factory that returns one."""

from collections.abc import Sequence

from skytier.project.kinds import Found, Kind
from skytier.project.recognised import Question, Recognised
from skytier.project.search import Search
from skytier.project.tree import Tree

_PLACES = ("main", "app", "api", "asgi", "wsgi", "application", "server", "__init__")


def application(tree: Tree, kind: Kind) -> Sequence[Found]:
    """The application object; several, when the files do not say which it is."""
    search = Search(tree, kind)
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

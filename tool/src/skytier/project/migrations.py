"""Finds the command that brings a database to the application's schema."""

from skytier.project.formats import table, toml
from skytier.project.recognised import Question, Recognised
from skytier.project.tree import Tree


def recognise(tree: Tree) -> Recognised:
    """Alembic's command or Aerich's, where their configuration is; else empty."""
    tools = table(toml(tree, "pyproject.toml"), "tool")
    found = sorted(
        (path for path in tree.paths if path.rpartition("/")[2] == "alembic.ini"),
        key=lambda path: path.count("/"),
    )
    top = [path for path in found if path.count("/") == found[0].count("/")]
    if len(top) > 1:
        asks = f"Which migrations? There are {' and '.join(top)}."
        commands = [_alembic(path) for path in top]
        return Recognised(questions={"migrate": Question(asks, commands)})
    if top:
        return Recognised(migrate=_alembic(top[0]), because={"migrate": f"{top[0]} is there."})
    for name, command in (("alembic", "alembic upgrade head"), ("aerich", "aerich upgrade")):
        if name in tools:
            because = {"migrate": f"pyproject.toml: tool.{name}."}
            return Recognised(migrate=command, because=because)
    return Recognised()


def _alembic(path: str) -> str:
    return f"alembic -c {path} upgrade head" if "/" in path else "alembic upgrade head"

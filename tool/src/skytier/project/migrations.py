"""Finds the command that brings a database to the application's schema."""

import re
import shlex

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
        commands = [_alembic(tree, path) for path in top]
        return Recognised(questions={"migrate": Question(asks, commands)})
    if top:
        return Recognised(
            migrate=_alembic(tree, top[0]), because={"migrate": f"{top[0]} is there."}
        )
    for name, command in (("alembic", "alembic upgrade head"), ("aerich", "aerich upgrade")):
        if name in tools:
            because = {"migrate": f"pyproject.toml: tool.{name}."}
            return Recognised(migrate=command, because=because)
    return Recognised()


def _alembic(tree: Tree, path: str) -> str:
    directory = path.rpartition("/")[0]
    if not directory:
        return "alembic upgrade head"
    # Where its scripts are is said from the directory that it runs in, unless it says `here`.
    configuration = tree.text(path) or ""
    if re.search(r"^script_location *= *%\(here\)s", configuration, re.MULTILINE):
        return f"alembic -c {path} upgrade head"
    location = re.search(r"^script_location *= *(\S+)", configuration, re.MULTILINE)
    if location and f"{location[1].rstrip('/')}/env.py" in tree:
        return f"alembic -c {path} upgrade head"
    return f"cd {shlex.quote(directory)} && alembic upgrade head"

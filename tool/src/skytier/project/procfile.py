"""A Procfile as a beginning of `[application]`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from skytier.project.command import served
from skytier.project.recognised import Recognised
from skytier.project.tree import Tree

_FILE = "Procfile"
_LINE = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:[ \t]*(\S.*)")


@dataclass(frozen=True)
class Line:
    number: int
    command: str


def parse(text: str) -> Mapping[str, Line]:
    """Each process type with its command. Of two with one name the last is right.

    >>> parse("web: gunicorn shop.wsgi")["web"].command
    'gunicorn shop.wsgi'
    """
    lines = enumerate(text.splitlines(), 1)
    found = ((number, _LINE.fullmatch(line.strip())) for number, line in lines)
    return {match[1]: Line(number, match[2].strip()) for number, match in found if match}


def recognise(tree: Tree) -> Recognised:
    """`web` becomes serve or run, `release` becomes migrate, all others become processes."""
    lines = dict(parse(tree.text(_FILE) or ""))
    web, release = lines.pop("web", None), lines.pop("release", None)
    found = Recognised(
        processes={name: line.command for name, line in lines.items()},
        because={
            f"processes.{name}": f"{_FILE}, line {line.number}: {name}."
            for name, line in lines.items()
        },
    )
    if release:
        because = {"migrate": f"{_FILE}, line {release.number}: release."}
        found = Recognised(migrate=release.command, because=because).over(found)
    return found.over(_web(web)) if web else found


def _web(line: Line) -> Recognised:
    at = f"{_FILE}, line {line.number}"
    what = served(line.command)
    if what is None:
        return Recognised(run=line.command, because={"run": f"{at}: web is a command of its own."})
    because = {"serve": f"{at}: web.", **{f"env.{name}": f"{at}: web." for name in what.env}}
    warnings = []
    if what.dropped:
        options = ", ".join(dict.fromkeys(what.dropped))
        warnings.append(
            f"{at}: {options} of the command is left out: the server's set-up decides it."
        )
    migrate = ""
    if what.before:
        migrate = " && ".join(what.before)
        because["migrate"] = f"{at}: web runs it before it serves."
    return Recognised(
        serve=what.serve,
        interface=what.interface,
        env=what.env,
        migrate=migrate,
        because=because,
        warnings=warnings,
    )

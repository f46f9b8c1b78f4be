"""Understands a command that serves: `gunicorn shop.wsgi`, `uvicorn shop.main:app`."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skytier.project.recognised import Interface
from skytier.project.servers import SERVERS, Server

_RUNNERS = (["uv", "run"], ["poetry", "run"], ["pipenv", "run"], ["pdm", "run"], ["exec"])
_MODULE = (["python", "-m"], ["python3", "-m"])
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_OBJECT = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?(\(\))?")
_SHELL = re.compile(r"[|<>`&]|\$\(")
_ASGI_WORKERS = (
    "asgi",
    "uvicorn.workers.UvicornWorker",
    "uvicorn.workers.UvicornH11Worker",
    "uvicorn_worker.UvicornWorker",
    "uvicorn_worker.UvicornH11Worker",
)
_DIRECTORIES = ("--chdir", "--app-dir", "--pythonpath")
_LONGEST = 10_000
_FOR_THE_NEXT = ("", "cd", "export", "source", ".")


@dataclass(frozen=True)
class Served:
    """What a command serves, without how."""

    serve: str
    interface: Interface
    env: Mapping[str, str] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    """Options for how it works."""
    before: Sequence[str] = ()
    """Commands that ran first."""


def served(command: str) -> Served | None:
    """What a command of Gunicorn, Uvicorn, Daphne, Hypercorn or Waitress serves.

    None for any other command, and for one with an option that changes what is served.

    >>> served("gunicorn shop.wsgi -b :$PORT").serve
    'shop.wsgi:application'
    """
    if len(command) > _LONGEST:
        return None
    *before, last = (part.strip() for part in re.split("&&|;", command))
    if any(_SHELL.search(part) for part in (*before, last)):
        return None
    # Only what prepares is a command by itself: `cd` changes what the next one does.
    if any(part.split(" ")[0] in _FOR_THE_NEXT for part in before):
        return None
    try:
        env, words = _without_runner(shlex.split(last))
    except ValueError:
        return None
    server = SERVERS.get(words[0]) if words else None
    if server is None or any("$" in value for value in env.values()):
        return None
    options = _options(server, words[1:])
    return _as_served(server, options, env, before) if options is not None else None


def _without_runner(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """The variables that a command begins with, and the words of the server's own command."""
    env = {}
    while words:
        if _VARIABLE.match(words[0]):
            name, _, value = words[0].partition("=")
            env[name] = value
            words = words[1:]
        elif runner := next((each for each in _RUNNERS if words[: len(each)] == each), None):
            words = words[len(runner) :]
        elif words[:2] in _MODULE:
            words = words[2:]
        else:
            break
    return env, words


@dataclass
class _Options:
    object: str = ""
    values: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def _options(server: Server, words: Sequence[str]) -> _Options | None:
    """The options of a command; None when it cannot be read."""
    found = _Options()
    ahead = list(reversed(words))
    while ahead:
        word = ahead.pop()
        if not word.startswith("-"):
            if found.object:
                return None
            found.object = word
            continue
        name, equals, value = word.partition("=")
        if not name.startswith("--") and len(word) > 2:
            name, equals, value = word[:2], "=", word[2:]
        if name in server.switches:
            continue
        if name in ("--factory", "--call"):
            found.values["--factory"] = "yes"
            continue
        if not equals:
            if not ahead:
                return None
            value = ahead.pop()
        if name in server.tuning:
            found.dropped.append(name)
        elif name not in server.addresses:
            found.values[server.meanings.get(name, name)] = value
    return found


def _as_served(
    server: Server, options: _Options, env: Mapping[str, str], before: Sequence[str]
) -> Served | None:
    values = options.values
    worker = values.pop("--worker-class", "sync")
    if worker not in ("sync", "gthread", *_ASGI_WORKERS):
        return None
    factory = bool(values.pop("--factory", "")) or options.object.endswith("()")
    directories = [values.pop(name) for name in _DIRECTORIES if name in values]
    directory = directories[0].removeprefix("./").rstrip("/") if directories else "."
    below = not directory.startswith(("/", "..")) and "$" not in directory
    # What is left of the options changes what is served.
    if values or len(directories) > 1 or not below or not _OBJECT.fullmatch(options.object):
        return None
    name = options.object.removesuffix("()")
    interface: Interface = "asgi" if server.asgi or worker in _ASGI_WORKERS else "wsgi"
    if factory:
        interface = "asgi-factory" if interface == "asgi" else "wsgi-factory"
    path = {} if directory in ("", ".") else {"PYTHONPATH": directory}
    return Served(
        serve=name if ":" in name else f"{name}:{server.object}",
        interface=interface,
        env={**env, **path},
        dropped=options.dropped,
        before=before,
    )

"""Understands a command that serves: `gunicorn shop.wsgi`, `uvicorn shop.main:app`."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skytier.project.recognised import Interface

_RUNNERS = (["uv", "run"], ["poetry", "run"], ["pipenv", "run"], ["pdm", "run"], ["exec"])
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_OBJECT = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?(\(\))?")
_SHELL = re.compile(r"[|;<>`&]|\$\(")
_ASGI_WORKERS = (
    "uvicorn.workers.UvicornWorker",
    "uvicorn.workers.UvicornH11Worker",
    "uvicorn_worker.UvicornWorker",
    "uvicorn_worker.UvicornH11Worker",
    "asgi",
)

# Options that the set-up of a server decides: address, number of processes, times, logs.
_TAKEN = {
    "gunicorn": [
        "-b",
        "--bind",
        "-w",
        "--workers",
        "--threads",
        "-t",
        "--timeout",
        "--graceful-timeout",
        "--keep-alive",
        "-n",
        "--name",
        "--access-logfile",
        "--access-logformat",
        "--log-file",
        "--error-logfile",
        "--log-level",
        "-p",
        "--pid",
        "--worker-tmp-dir",
        "--max-requests",
        "--max-requests-jitter",
        "--forwarded-allow-ips",
        "--worker-connections",
        "--backlog",
        "-u",
        "--user",
        "-g",
        "--group",
        "-m",
        "--umask",
    ],
    "uvicorn": [
        "--host",
        "--port",
        "--uds",
        "--fd",
        "--workers",
        "--loop",
        "--http",
        "--ws",
        "--log-level",
        "--log-config",
        "--forwarded-allow-ips",
        "--timeout-keep-alive",
        "--timeout-graceful-shutdown",
        "--limit-concurrency",
        "--limit-max-requests",
        "--backlog",
        "--root-path",
        "--lifespan",
        "--reload-dir",
    ],
    "daphne": [
        "-b",
        "--bind",
        "-p",
        "--port",
        "-u",
        "--unix-socket",
        "--access-log",
        "-v",
        "--verbosity",
        "-t",
        "--http-timeout",
    ],
    "hypercorn": [
        "-b",
        "--bind",
        "-w",
        "--workers",
        "--access-logfile",
        "--error-logfile",
        "--log-level",
        "-k",
    ],
    "waitress-serve": [
        "--listen",
        "--host",
        "--port",
        "--threads",
        "--unix-socket",
        "--trusted-proxy",
    ],
}
_SWITCHES = {
    "gunicorn": [
        "--preload",
        "--capture-output",
        "--reuse-port",
        "--no-sendfile",
        "--enable-stdio-inheritance",
    ],
    "uvicorn": [
        "--proxy-headers",
        "--no-proxy-headers",
        "--access-log",
        "--no-access-log",
        "--no-server-header",
        "--server-header",
        "--no-date-header",
        "--date-header",
        "--use-colors",
        "--no-use-colors",
        "--reload",
    ],
    "daphne": ["--proxy-headers"],
    "hypercorn": [],
    "waitress-serve": [],
}


@dataclass(frozen=True)
class Served:
    """What a command serves, without how."""

    serve: str
    interface: Interface
    env: Mapping[str, str] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    """Options that are decided by the server's set-up instead."""
    before: Sequence[str] = ()
    """Commands that ran first, by `&&`."""


def served(command: str) -> Served | None:
    """What a command of Gunicorn, Uvicorn, Daphne, Hypercorn or Waitress serves.

    None for any other command, and for one with an option that changes what is served.

    >>> served("gunicorn shop.wsgi -b :$PORT").serve
    'shop.wsgi:application'
    """
    *before, last = (part.strip() for part in command.split("&&"))
    if any(_SHELL.search(part) for part in (*before, last)):
        return None
    try:
        words = shlex.split(last)
    except ValueError:
        return None
    env = {}
    while words:
        if _VARIABLE.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            env[name] = value
        elif runner := next((each for each in _RUNNERS if words[: len(each)] == each), None):
            words = words[len(runner) :]
        elif words[:1] in (["python"], ["python3"]) and words[1:2] == ["-m"]:
            words = words[2:]
        else:
            break
    if any("$" in value for value in env.values()):
        return None
    # Only what prepares is a command by itself; `cd` changes what the next one does.
    if any(part.split(" ")[0] in ("cd", "export", "source", ".", "") for part in before):
        return None
    server = words[0] if words else ""
    if server not in _TAKEN:
        return None
    options = _options(server, words[1:])
    return _as_served(server, options, env, before) if options is not None else None


@dataclass
class _Options:
    object: str = ""
    values: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


_MEANING = {"-k": "--worker-class", "-c": "--config", "-e": "--env"}


def _options(server: str, words: Sequence[str]) -> _Options | None:
    """The options of a command; None when one is unknown, as it may change what is served."""
    found = _Options()
    ahead = list(reversed(words))
    while ahead:
        word = ahead.pop()
        if not word.startswith("-") or word == "-":
            if found.object:
                return None
            found.object = word
            continue
        name, equals, value = word.partition("=")
        if not equals and len(name) > 2 and not name.startswith("--"):
            name, value = name[:2], name[2:]
        if name in _SWITCHES[server]:
            found.dropped.append(name)
            continue
        if name in ("--factory", "--call") and not value:
            found.values[name] = "yes"
            continue
        if not equals and not value:
            if not ahead:
                return None
            value = ahead.pop()
        if name in _TAKEN[server]:
            found.dropped.append(name)
        else:
            found.values[_MEANING.get(name, name)] = value
    return found


def _as_served(
    server: str, options: _Options, env: Mapping[str, str], before: Sequence[str]
) -> Served | None:
    values = dict(options.values)
    interface: Interface = "wsgi" if server in ("gunicorn", "waitress-serve") else "asgi"
    factory = values.pop("--factory", None) or values.pop("--call", None)
    if server == "gunicorn":
        worker = values.pop("--worker-class", "sync")
        if worker in _ASGI_WORKERS:
            interface = "asgi"
        elif worker not in ("sync", "gthread"):
            return None
        if values.pop("--config", None):
            options.dropped.append("--config")
    directory = [
        values.pop(name) for name in ("--chdir", "--app-dir", "--pythonpath") if name in values
    ]
    directory = [each.removeprefix("./").rstrip("/") for each in directory]
    if len(directory) > 1 or any("$" in each or each.startswith(("/", "..")) for each in directory):
        return None
    # What is left changes what is served, or how in a way that nobody else decides.
    if values or not _OBJECT.fullmatch(options.object):
        return None
    name = options.object
    if name.endswith("()"):
        name, factory = name.removesuffix("()"), "yes"
    if ":" not in name:
        name += ":application" if server == "gunicorn" else ":app"
    if factory:
        interface = "asgi-factory" if interface == "asgi" else "wsgi-factory"
    paths = {"PYTHONPATH": directory[0]} if directory and directory[0] not in ("", ".") else {}
    return Served(name, interface, {**env, **paths}, options.dropped, before)

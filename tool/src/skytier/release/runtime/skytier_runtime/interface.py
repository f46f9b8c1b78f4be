"""Loads the object that is served, and finds out what it is."""

import importlib
import inspect
import os
import subprocess
import sys
from typing import Any

ASGI, WSGI = "asgi", "wsgi"
FACTORY = "-factory"


def load(target: str) -> Any:
    """The object that `shop.main:app` names. Ends the process where there is none."""
    module_name, _, name = target.partition(":")
    module = importlib.import_module(module_name)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise _ended(f"The module {module_name} has no {name}.")
        found = getattr(found, part)
    return found


def application() -> Any:
    """The application that SKYTIER_SERVE and SKYTIER_INTERFACE name."""
    found = load(os.environ["SKYTIER_SERVE"])
    return found() if os.environ["SKYTIER_INTERFACE"].endswith(FACTORY) else found


def interface(found: Any) -> str:
    """`asgi`, `wsgi`, `asgi-factory` or `wsgi-factory`: by what it takes, and what it returns."""
    if kind := _of(found):
        return kind
    if callable(found) and not _required(found) and (kind := _of(found())):
        return kind + FACTORY
    raise _ended("It is neither an ASGI nor a WSGI application, nor a function for one.")


def _ended(why: str) -> SystemExit:
    """What ends the process. By this exit code Gunicorn knows that no other worker would do better,
    and ends as well."""
    print(why, file=sys.stderr)  # noqa: T201
    return SystemExit(3)


def _of(found: Any) -> str | None:
    if inspect.isclass(found) or not callable(found):
        return None
    call = found if inspect.isroutine(found) else type(found).__call__
    if inspect.iscoroutinefunction(call):
        return ASGI
    return {2: WSGI, 3: ASGI}.get(_required(found))


def _required(found: Any) -> int:
    """How many arguments it needs."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(found).parameters.values()
    return sum(each.kind in positional and each.default is each.empty for each in parameters)


def ask(target: str) -> str:
    """The interface of an object, examined by another process, so that this one stays small."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, target], check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    print(interface(load(sys.argv[1])))  # noqa: T201

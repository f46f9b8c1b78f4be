"""What a project is, as far as its files say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Interface = Literal["", "asgi", "wsgi", "asgi-factory", "wsgi-factory"]


@dataclass(frozen=True)
class Question:
    """What the files do not decide."""

    asks: str
    candidates: Sequence[str] = ()
    """Possible answers; empty when there are none to choose from."""


@dataclass(frozen=True)
class Job:
    """A command that runs at times."""

    run: str
    at: str
    """When, as systemd's OnCalendar has it, in UTC: `*-*-* 03:00:00`."""


@dataclass(frozen=True)
class Recognised:
    """The keys of `[application]` that were found; what was not found is empty.

    Keys of `because` and `questions` are names of fields, or of one entry: `env.FLASK_APP`.
    """

    framework: str = ""
    """`django`, `flask`, `fastapi`, `starlette`, `litestar`, or another name in small letters."""
    serve: str = ""
    """`shop.main:app`"""
    interface: Interface = ""
    run: str = ""
    """A command that serves by itself, where there is no `serve`."""
    migrate: str = ""
    collect: str = ""
    static: Mapping[str, str] = field(default_factory=dict)
    """Path of the URL to directory in the source: `/static/` to `static`."""
    media: Mapping[str, str] = field(default_factory=dict)
    """The same of uploaded files: `/media/` to `media`."""
    writable: Sequence[str] = ()
    """Other directories in the source that the application writes to."""
    health: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that the operator has to give, and what is known of each."""
    generated: Sequence[str] = ()
    """Variables that want a secret which is made once."""
    requires: Sequence[str] = ()
    """`postgresql`, `redis`. Where `because` has a reason for `requires`, it needs no database."""
    processes: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many of a process, where the project says so."""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    dependencies: str = ""
    """The file that pins the packages: `uv.lock`."""
    python: str = ""
    """`>=3.12`"""
    because: Mapping[str, str] = field(default_factory=dict)
    """Why, in a sentence with file and line."""
    questions: Mapping[str, Question] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def over(self, other: "Recognised") -> "Recognised":
        """Both in one; where they differ, this one is right."""
        if self.serve or self.run:
            other = other.without("serve", "interface", "run")
        values: dict[str, Any] = {}
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Mapping):
                values[each.name] = {**theirs, **mine}
            elif isinstance(mine, str):
                values[each.name] = mine or theirs
            else:
                values[each.name] = tuple(dict.fromkeys((*mine, *theirs)))
        values["questions"] = {
            name: asked for name, asked in values["questions"].items() if not _has(values, name)
        }
        return Recognised(**values)

    def without(self, *names: str) -> "Recognised":
        """The same without some fields, and what is said of them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in names:
            del values[name]
        for name in ("because", "questions"):
            values[name] = {key: value for key, value in values[name].items() if key not in names}
        return Recognised(**values)


def _has(values: Mapping[str, Any], name: str) -> bool:
    """Whether a field has a value, or `env.NAME` its entry."""
    kind, _, entry = name.partition(".")
    value = values.get(kind)
    return entry in value if entry and isinstance(value, Mapping) else bool(value)

"""The documentation of a stack file's keys, and a commented file, from the model itself."""

import inspect
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel

from skytier.stackfile.model import StackFile

_WIDTH = 88
_Model = type[BaseModel]
_WORDS = {bool: "true or false", int: "number", Decimal: "number"}
_BARE = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class DocumentedKey:
    """What is known of a key: `web.count` is a number, 1 by default, from 1 to 100."""

    path: tuple[str, ...]
    type: str
    """`text`, `number`, `true or false`, `list of texts`, `table of numbers` ..."""
    default: Any
    """None where the key has no default."""
    holds: str
    """The allowed values, as the end of "Allowed: ..."."""
    meaning: str
    example: Any
    """What a commented-out line shows where the default is no good example."""
    each: _Model | None = None
    """What each section of a table of sections holds."""

    @property
    def dotted(self) -> str:
        """`web.count`"""
        return ".".join(self.path)


@cache
def keys(model: type[BaseModel] = StackFile) -> tuple[DocumentedKey, ...]:
    """Every key of a stack file, or of another file with a model, in the model's order.

    >>> next(key.holds for key in keys() if key.dotted == "web.count")
    'a number from 1 to 100'
    """
    return tuple(_keys(model, ()))


def _keys(model: type[BaseModel], path: tuple[str, ...]) -> list[DocumentedKey]:
    found = []
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            found += _keys(field.annotation, (*path, name))
            continue
        more = field.json_schema_extra
        assert isinstance(more, dict)  # noqa: S101  # every key is declared by section.key
        default = None if field.is_required() else field.default
        default = list(default) if isinstance(default, tuple) else default
        found.append(
            DocumentedKey(
                path=(*path, field.alias or name),
                type=_type(field.annotation),
                default=default,
                holds=str(more["holds"]),
                meaning=" ".join((field.description or "").split()),
                example=more["example"] if more["example"] is not None else default,
                each=_each(field.annotation),
            )
        )
    return found


def _type(annotation: Any) -> str:
    """`number`, `list of texts`, `table of sections`, `table of tables of numbers`."""
    bare, arguments = _bare(annotation), get_args(_bare(annotation))
    if get_origin(bare) is dict:
        one, of, what = _type(arguments[1]).partition(" of ")
        return f"table of {one}s{of}{what}"
    if get_origin(bare) in (list, tuple):
        return f"list of {_type(arguments[0])}s"
    if get_origin(bare) is Literal:
        return _type(type(arguments[0]))
    return "section" if _is_section(bare) else _WORDS.get(bare, "text")


def _each(annotation: Any) -> type[BaseModel] | None:
    inner = [each for each in get_args(annotation) if _is_section(each)]
    return inner[-1] if inner else None


def _bare(annotation: Any) -> Any:
    """A type without None and without what pydantic is told of it."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation


def _is_section(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)


def toml(value: Any) -> str:
    """A value as TOML.

    >>> toml({"team": "shop"}), toml(["a"]), toml(3)
    ('{team = "shop"}', '["a"]', '3')
    """
    if isinstance(value, Mapping):
        pairs = (f"{k if _BARE.fullmatch(k) else toml(k)} = {toml(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    # The strings of JSON are strings of TOML, but for the one control character it leaves.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def commented(chosen: Mapping[str, Any], why: Mapping[str, str] | None = None) -> str:
    """A stack file with every key and its meaning.

    `chosen` is dotted key to value; the other keys are commented out, with their default or an
    example. `why` is dotted key to a sentence that is written above the value: who picked it.
    """
    parts = [
        "# The stack file. A line that begins with # shows a default or an example.\n"
        "# All keys: docs/reference/stack-file.md. On a cloud, skytier plan says what is to change."
    ]
    section: tuple[str, ...] = ()
    for key in keys():
        if key.path[:-1] != section:
            section = key.path[:-1]
            parts.append(f"[{'.'.join(section)}]\n{_comment(_section_meaning(section))}")
        comment = _comment(f"{key.meaning} Allowed: {key.holds}.")
        if reason := (why or {}).get(key.dotted):
            comment += f"\n{_comment(reason)}"
        if key.dotted in chosen:
            line = f"{key.path[-1]} = {toml(chosen[key.dotted])}"
        else:
            line = f"#{key.path[-1]} = {toml(key.example)}"
        parts.append(f"{comment}\n{line}")
    return "\n\n".join(parts) + "\n"


def _section_meaning(section: tuple[str, ...]) -> str:
    model: Any = StackFile
    for name in section:
        model = model.model_fields[name].annotation
    return inspect.getdoc(model) or ""


def _comment(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def reference(model: type[BaseModel] = StackFile) -> str:
    """A table of every key in Markdown."""
    rows = ["| key | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    for key in keys(model):
        default = f"`{toml(key.default)}`" if key.default not in (None, [], {}) else ""
        rows.append(f"| `{key.dotted}` | {key.type} | {default} | {key.holds} | {key.meaning} |")
    return "\n".join(rows)

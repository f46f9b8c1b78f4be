"""Reading a stack file: one clear line for each thing that is wrong with it."""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from skytier.errors import SkytierError
from skytier.stackfile.backup import PlaceSection
from skytier.stackfile.document import DocumentedKey, keys
from skytier.stackfile.known_hosts import entry, keys_of
from skytier.stackfile.model import DEFAULT_PATH, StackFile
from skytier.stackfile.section import Branch
from skytier.stackfile.unread import Unread

_Model = TypeVar("_Model", bound=BaseModel)

_WORDS = {
    "string_type": "is not a text in quotes",
    "bool_type": "is neither true nor false",
    "int_type": "is not a whole number",
    "tuple_type": "is not a list in brackets",
    "dict_type": "is not a table",
    "decimal_type": "is not a number",
    "decimal_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
}


def load(path: Path | None = None) -> StackFile:
    """The stack file at a path; None takes ./skytier.toml, or all defaults where there is none.

    Raises SkytierError with a line for each error:
    `skytier.toml, line 3: web.cuont is not a key. Did you mean web.count?`
    """
    if path is None and not DEFAULT_PATH.exists():
        return StackFile()
    path = path or DEFAULT_PATH
    stack = parse(text_of(path), str(path))
    # Paths are from where the stack file is, whatever directory the command is called in.
    beside: dict[str, Any] = {}
    if stack.cost.rates:
        rates = str(path.parent / stack.cost.rates)
        beside["cost"] = stack.cost.model_copy(update={"rates": rates})
    # Of these the content is what machines are told.
    trusted = _trusted(stack.backup, path.parent)
    if of_second := _trusted(stack.backup.second, path.parent):
        trusted["second"] = stack.backup.second.model_copy(update=of_second)
    if trusted:
        beside["backup"] = stack.backup.model_copy(update=trusted)
    if stack.application.is_own:
        source = str(path.parent / stack.application.source)
        beside["application"] = stack.application.model_copy(update={"source": source})
        stack = stack.found_in(path.parent)
    return stack.model_copy(update=beside)


def text_of(path: Path, do: str = "skytier init writes a stack file; --file names another.") -> str:
    """A file's text. Raises SkytierError when it cannot be read.

    `do` is what to do when there is no such file.
    """
    try:
        # An editor on Windows may have begun the file with a byte order mark.
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SkytierError(f"There is no file {path}.", do) from None
    except UnicodeDecodeError:
        raise SkytierError(f"{path} is not a text in UTF-8.", "Save it as UTF-8.") from None
    except OSError as error:
        raise SkytierError(f"{path} cannot be read: {error.strerror}.") from error


def _trusted(place: PlaceSection, beside: Path) -> dict[str, Any]:
    """What a place of the backups is known by: the keys whose files are read, and what is in them.

    A file that cannot be read is `Unread`.
    """
    found: dict[str, Any] = {}
    if place.ca:
        found["ca"] = _read_later(_certificates, place, beside / place.ca)
    if place.on_host and place.host and place.known_hosts:
        found["known_hosts"] = _read_later(_keys, place, beside / place.known_hosts)
    return found


def _read_later(read: Callable[[PlaceSection, Path], str], place: PlaceSection, path: Path) -> str:
    try:
        return read(place, path)
    except SkytierError as error:
        return Unread.because(error)


def _keys(place: PlaceSection, path: Path) -> str:
    host, port = place.host or "", place.port
    scan = f"ssh-keyscan -p {port} {host} >{path}"
    file = text_of(path, f"Write it ({scan}), and compare it with the host's keys.")
    if found := keys_of(host, port, file):
        return found
    raise SkytierError(
        f"{path} has no key of {entry(host, port)}, which {place.section}.host names.",
        f"Write it again ({scan}), and compare it with the host's keys.",
    )


def _certificates(place: PlaceSection, path: Path) -> str:
    text = text_of(path, f"{place.section}.ca names it.")
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise SkytierError(
            f"{path} has no certificate in PEM.", "It begins with -----BEGIN CERTIFICATE-----."
        ) from None
    return text


def parse(text: str, file: str = str(DEFAULT_PATH)) -> StackFile:
    """A stack file from its text; `file` is how errors call it. Raises as `load` does.

    >>> parse("[web]\\ncount = 3").web.count
    3
    """
    return parse_as(StackFile, text, file)


def parse_as(model: type[_Model], text: str, file: str) -> _Model:
    """The same for another model whose keys are declared by `section.key`.

    Numbers with a point become Decimals, never floats.
    """
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SkytierError(_syntax(file, text, str(error))) from None
    try:
        return model.model_validate(found)
    except ValidationError as error:
        # By line, as a reader meets them; what has no line of its own comes first.
        lines = sorted(
            {
                (line_of(text, path) or 0, said)
                for path, said in (
                    _sentence(details, found, keys(model)) for details in error.errors()
                )
            }
        )
        raise SkytierError("\n".join(_at(file, line, said) for line, said in lines)) from None


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line, from 1, in which the statement begins that sets a key; None when nothing does."""
    for line, found in _statements(text):
        if _has(found, path):
            return line
    return None


def _statements(text: str) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each statement's first line, and the file's content up to its end.

    tomllib tells no positions, but the beginning of a file is valid TOML exactly where a statement
    ends. The content is None for a last statement that never ends.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            found = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        yield begin + 1, found
        begin = end
    if begin < len(lines):
        yield begin + 1, None


def _has(table: Any, path: Sequence[str]) -> bool:
    for key in path:
        if isinstance(table, list) and (number := _number(key)) is not None:
            if number >= len(table):
                return False
            table = table[number]
        elif isinstance(table, dict) and key in table:
            table = table[key]
        else:
            return False
    return True


def _number(key: str) -> int | None:
    """Which section of several of one name `[1]` is; None for a key."""
    return int(key[1:-1]) if re.fullmatch(r"\[[0-9]+\]", key) else None


def _at(file: str, line: int, said: str) -> str:
    return f"{file}, line {line}: {said}" if line else f"{file}: {said}"


def _syntax(file: str, text: str, message: str) -> str:
    said, _, place = message.partition(" (at ")
    if at := re.match(r"line (\d+), column (\d+)", place):
        hint = ' A text needs quotes: name = "shop".' if said == "Invalid value" else ""
        return f"{file}, line {at[1]}: This is not TOML, at column {at[2]}: {said}.{hint}"
    # Found at the end of the file; what never ended began earlier.
    line = next((line for line, found in _statements(text) if found is None), 1)
    return f"{file}, line {line}: This is not TOML: {said}."


def _sentence(
    details: ErrorDetails, found: dict[str, Any], known: Sequence[DocumentedKey]
) -> tuple[list[str], str]:
    """The path of the key that an error is about, and what is wrong in one sentence or two."""
    path: list[str] = []
    table: Any = found
    for part in details["loc"]:
        # The rest of a location is pydantic's own: which branch of a union, which item of a list.
        if part in tuple(Branch):
            continue
        section = isinstance(table, list) and isinstance(part, int)
        if section and isinstance(table[part], dict):
            path.append(f"[{part}]")
            table = table[part]
            continue
        if not isinstance(table, dict) or part not in table:
            break
        path.append(str(part))
        table = table[part]
    context = details.get("ctx", {})
    if details["type"] == "contradiction":
        place = context["key"].split(".")
        named = ".".join(part for part in place if _number(part) is None)
        return place, f"{named} {context['wrong']}."
    dotted = ".".join(part for part in path if _number(part) is None)
    if unquoted := _unquoted(path, table, known):
        return path, unquoted
    if details["type"] == "missing":
        missing = [*path, str(details["loc"][-1])]
        return path, f"{dotted} lacks {missing[-1]}. Allowed: {_key_of(missing, known).holds}."
    if details["type"] == "extra_forbidden":
        return path, f"{dotted} is not a key. {_instead(path, known)}"
    if details["type"] in ("model_type", "model_attributes_type"):
        return path, f"{dotted} is a section: [{dotted}], with its keys below."
    holds = _key_of(path, known).holds
    if details["loc"][-1] == "[key]":
        if details["type"] == "value_error":
            return path, f"{dotted} {context['error']}"
        return path, f"{dotted} is not a key. {'.'.join(path[:-1])} holds {holds}."
    wrong = context["error"] if details["type"] == "value_error" else _WORDS.get(details["type"])
    value = _shown(details["input"])
    return path, f"{dotted} = {value} {wrong or 'is not among them'}. Allowed: {holds}."


def _key_of(path: Sequence[str], known: Sequence[DocumentedKey]) -> DocumentedKey:
    """The key that a path leads to or into: `valid_from.2026-07-01.vcpu_hour` is `vcpu_hour`."""
    found = next(key for key in known if tuple(path[: len(key.path)]) == key.path)
    within = path[len(found.path) + 1 :]
    return _key_of(within, keys(found.each)) if found.each and within else found


def _unquoted(path: Sequence[str], value: Any, known: Sequence[DocumentedKey]) -> str:
    """What to write for a name with a dot, which TOML takes for two; empty for other mistakes.

    `value` is what the path leads to.
    """
    key = next((key for key in known if tuple(path[: len(key.path)]) == key.path), None)
    if key is None or not key.type.startswith("table of") or not isinstance(value, dict):
        return ""
    names = list(path[len(key.path) :])
    if key.each and len(names) > 1:
        within = keys(key.each)
        if any(names[1] == each.path[0] for each in within):
            return _unquoted(names[1:], value, within)
    # How many names there are before what the table holds; a section is a table itself.
    depth = key.type.count("table")
    if len(names) != depth + bool(key.each):
        return ""
    table, parts = [*path[: len(key.path)], *names[: depth - 1]], names[depth - 1 :]
    while isinstance(value, dict) and value:
        name, inner = next(iter(value.items()))
        if key.each and not isinstance(inner, dict):
            break
        parts.append(name)
        value = inner
    quoted = f'"{".".join(parts)}"'
    line = f"[{'.'.join(table)}.{quoted}]" if key.each else f"{quoted} = {_shown(value)}"
    return f"A name with a dot needs quotes in {'.'.join(table)}: {line}."


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _instead(path: list[str], known: Sequence[DocumentedKey]) -> str:
    """The same key of another section, or the nearest one of this, or what the section holds."""
    for key in known:
        depth = len(key.path) + 1
        if key.each and len(path) > depth and tuple(path[: depth - 1]) == key.path:
            return _instead(path[depth:], keys(key.each))
    if elsewhere := [key.dotted for key in known if key.path[-1] == path[-1]]:
        return f"Did you mean {' or '.join(elsewhere)}?"
    here = [key.path[-1] for key in known if list(key.path[:-1]) == path[:-1]]
    if len(path) == 1:
        here += dict.fromkeys(key.path[0] for key in known if len(key.path) > 1)
    if near := difflib.get_close_matches(path[-1].lower().replace("-", "_"), here, 1):
        return f"Did you mean {'.'.join([*path[:-1], near[0]])}?"
    if not here:
        return f"Allowed: {_key_of(path, known).holds}."
    return f"There are {', '.join(here)}."

"""A clouds.yaml as a text: whether it can be read, and in which line what stands."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from skytier.errors import SkytierError

PLACES = "clouds.yaml is looked for here, in ~/.config/openstack/ and in /etc/openstack/."
_KEY = re.compile(r":(?:\s|$)")
_DEPTH = 4
"""clouds, the cloud's name, auth, a key of it."""


@dataclass(frozen=True)
class CloudsFile:
    """What a file holds, and the line of each key: `("clouds", "mycloud", "auth")` to 3."""

    path: Path
    data: Any = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def at(self, *keys: str) -> str:
        """`FILE, line 3`, of the key or of the nearest one above it."""
        for end in range(len(keys), 0, -1):
            if line := self.lines.get(keys[:end]):
                return f"{self.path}, line {line}"
        return str(self.path)

    def has(self, *keys: str) -> bool:
        """Whether a key stands in it."""
        return keys in self.lines


def first(names: Sequence[str], override: str) -> Path | None:
    """The first file that there is of those that openstacksdk looks for; None without any.

    `override` is the environment's variable that names one.
    """
    named = os.environ.get(override)
    for name in [*([named] if named else []), *names]:
        # One that must not be read is passed over by openstacksdk, too.
        if Path(name).is_file() and os.access(name, os.R_OK):
            return Path(name)
    return None


def read(path: Path) -> CloudsFile:
    """A file. Raises SkytierError with the line of what is not YAML.

    openstacksdk passes over such a file, and would take the next one instead.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SkytierError(f"{path} is not a text in UTF-8.", "Save it as UTF-8.") from None
    except OSError as error:
        raise SkytierError(
            f"{path} cannot be read: {error.strerror}.", "Look at the file's permissions."
        ) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return CloudsFile(path, yaml.safe_load(text), dict(_lines(node, ())))
    except yaml.YAMLError as error:
        raise SkytierError(*_syntax(path, text, error)) from None
    except (ValueError, RecursionError, TypeError) as error:
        raise SkytierError(
            f"{path} has a value that YAML cannot read: {error}.",
            "Put values such as dates and long numbers into quotes.",
        ) from None


def _lines(node: yaml.Node | None, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if not isinstance(node, yaml.MappingNode) or len(above) >= _DEPTH:
        return
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            here = (*above, key.value)
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)


def _syntax(path: Path, text: str, error: yaml.YAMLError) -> tuple[str, str]:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    if mark is None:
        return (
            f"{path} is not YAML: {problem}.",
            "Correct the file.",
        )
    where, lines = f"{path}, line {mark.line + 1}", text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        return f"{where}: the line begins with a tab.", "Indent with spaces: YAML takes no tabs."
    if "mapping values are not allowed" in problem and len(_KEY.findall(line)) > 1:
        return (
            f"{where}: there are two keys on one line.",
            "Give each key a line of its own; a value with a colon and a space needs quotes.",
        )
    if "mapping values are not allowed" in problem:
        return (
            f"{where}: this key is not where one can be.",
            "See whether the line above lacks its colon, and whether both are indented alike.",
        )
    return f"{where}: this is not YAML: {problem}.", "Correct the line; values may stand in quotes."

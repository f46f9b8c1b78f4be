"""A project's files, read as text and as Python. None of it is run."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from skytier.project.files import Listing
from skytier.project.module import Module

_LARGEST_MODULE = 2**20
_LARGEST_TEXT = 2**24
_CACHE = 2**26
"""Bytes."""
_ASIDE = re.compile(
    r"(^|/)(tests?|testing|docs?|examples?|samples?|benchmarks?|site-packages|node_modules)/"
    r"|(^|/)(tests?|test_[^/]*|[^/]*_test|conftest|setup|noxfile|docs_conf)\.py$"
)


@dataclass(frozen=True)
class Import:
    """How a module is imported."""

    name: str
    """`shop.main`"""
    directory: str
    """Where Python has to look, relative to the source: `src`, or empty for the source itself."""


class Tree:
    """The files of a source directory that travel, by their path: `shop/main.py`."""

    def __init__(self, root: Path, listing: Listing) -> None:
        self.root = root
        # A name with a control character or half a character means nothing to any framework.
        names = (path.as_posix() for path in listing.files)
        self.paths = tuple(name for name in names if name.isprintable())
        self.left_out = listing.left_out
        self._known = frozenset(self.paths)
        self._texts: dict[str, bytes] = {}
        self._cached = 0
        self.broken: list[str] = []
        """Files that were to be read as Python, and are none."""
        self._modules: dict[str, Module | None] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._known

    @cached_property
    def directories(self) -> frozenset[str]:
        """Each directory with a file in or below it."""
        return frozenset(
            str(parent)
            for directory in {path.rpartition("/")[0] for path in self.paths}
            for parent in (PurePosixPath(directory), *PurePosixPath(directory).parents)
        )

    @cached_property
    def python(self) -> tuple[str, ...]:
        """Python files that may have the application in them: no tests, no docs. Shallow first."""
        found = [path for path in self.paths if path.endswith(".py") and not _ASIDE.search(path)]
        return tuple(sorted(found, key=lambda path: (path.count("/"), path)))

    def content(self, path: str) -> bytes | None:
        """A file's bytes; None when there is no such file, it is too large or cannot be read."""
        if path in self._texts:
            return self._texts[path]
        if path not in self._known:
            return None
        try:
            with (self.root / path).open("rb") as file:
                content = file.read(_LARGEST_TEXT + 1)
        except OSError:
            return None
        if len(content) > _LARGEST_TEXT:
            return None
        if (self._cached + len(content)) <= _CACHE:
            self._cached += len(content)
            self._texts[path] = content
        return content

    def text(self, path: str) -> str | None:
        """A file's text, without a byte order mark; None as for `content`."""
        content = self.content(path)
        if content is None:
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("latin-1")

    def module(self, path: str) -> Module | None:
        """A Python file, parsed; None when there is none or it cannot be parsed."""
        if path not in self._modules:
            self._modules[path] = self._parsed(path)
        return self._modules[path]

    def _parsed(self, path: str) -> Module | None:
        content = self.content(path)
        if content is None or len(content) > _LARGEST_MODULE:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Module(path, ast.parse(content))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.broken.append(path)
            return None

    def mentioning(self, *words: str) -> Iterator[Module]:
        """Modules whose text has one of the words, shallow first. Only they are parsed."""
        sought = [word.encode() for word in words]
        for path in self.python:
            content = self.content(path)
            if content is not None and any(word in content for word in sought):
                module = self.module(path)
                if module is not None:
                    yield module

    def find(self, dotted: str, at: str) -> str | None:
        """The file of a module that the file `at` imports; None when it is none of the project."""
        name = dotted.lstrip(".")
        level = len(dotted) - len(name)
        above = [str(each) for each in PurePosixPath(at).parents]
        bases = [*reversed(above), "src"] if level == 0 else above[level - 1 : level]
        tail = name.replace(".", "/")
        for base in bases:
            stem = "/".join(part for part in (base if base != "." else "", tail) if part)
            for path in (f"{stem}.py", f"{stem}/__init__.py" if stem else "__init__.py"):
                if path in self._known:
                    return path
        return None

    def importable(self, module: Module) -> Import | None:
        """How a file is imported; None when its path has no names that Python takes."""
        parts = module.path.removesuffix(".py").split("/")
        names = parts[:-1] if parts[-1] == "__init__" else parts
        top = self._top(module, parts[:-1], names)
        if not names[top:] or not all(map(str.isidentifier, names[top:])):
            return None
        return Import(".".join(names[top:]), "/".join(parts[:top]))

    def _top(self, module: Module, directories: list[str], names: list[str]) -> int:
        """How many directories are above the first package of a file."""
        top = len(directories)
        while top and "/".join([*directories[:top], "__init__.py"]) in self._known:
            top -= 1
        imported = {origin.partition(".")[0] for origin in module.origins}
        if not top or (top < len(directories) and directories[0] not in imported):
            return top
        if "src" in directories[:top]:
            return max(number for number in range(top) if directories[number] == "src") + 1
        directory = "/".join(directories[:top])
        beside = {name for name in imported if name and self._has_module(f"{directory}/", name)}
        if any(not self._has_module("", name) for name in beside):
            return top
        # Directories without __init__.py are packages too.
        return 0 if all(map(str.isidentifier, names)) else top

    def _has_module(self, prefix: str, name: str) -> bool:
        return f"{prefix}{name}.py" in self._known or f"{prefix}{name}" in self.directories

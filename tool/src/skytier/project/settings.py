"""Django's settings, read through the files that they are made of."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from skytier.project import values
from skytier.project.module import Module
from skytier.project.tree import Tree

_PROGRAMS = frozenset({"split_settings.tools", "configurations", "dynaconf", "django_heroku"})
"""Packages that set settings by themselves."""


def _sets_by_program(module: Module) -> bool:
    called = any(name == "globals" for name, _ in module.calls())
    return called or bool(module.classes or module.origins & _PROGRAMS)


@dataclass(frozen=True)
class Setting:
    module: Module
    value: ast.expr
    line: int

    @property
    def at(self) -> str:
        return self.module.at(self.line)


class Settings:
    """A settings module, with those that it takes in by `from .base import *`."""

    def __init__(self, tree: Tree, module: Module) -> None:
        self._tree = tree
        self.module = module

    @cached_property
    def modules(self) -> Sequence[Module]:
        """The module itself, then what it takes in: the first that has a name is right."""
        found: dict[str, Module] = {}
        ahead = [self.module]
        while ahead:
            module = ahead.pop()
            if module.path in found:
                continue
            found[module.path] = module
            for star in module.stars:
                path = self._tree.find(star, module.path)
                if path and (taken := self._tree.module(path)):
                    ahead.append(taken)
        return tuple(found.values())

    def lacks(self, name: str) -> bool:
        """Whether no file sets it. False where another package or a program may set it."""
        if any(name in module.imports for module in self.modules) or not self.get("ROOT_URLCONF"):
            return False
        foreign = any(
            not star.startswith(".") and self._tree.find(star, module.path) is None
            for module in self.modules
            for star in module.stars
        )
        return not (foreign or self.get(name) or any(map(_sets_by_program, self.modules)))

    def get(self, name: str) -> Setting | None:
        """A setting; None when no file sets it."""
        return self._all.get(name)

    @cached_property
    def _all(self) -> dict[str, Setting]:
        return {
            name: Setting(module, binding.value, binding.line)
            for module in reversed(self.modules)
            for name in module.bindings
            if (binding := module.binding(name))
        }

    def text(self, name: str) -> str | None:
        """A setting that is a string, or has one as its default."""
        setting = self.get(name)
        return values.text(setting.value) if setting else None

    def path(self, name: str) -> PurePosixPath | None:
        """A setting that is a path, relative to the source."""
        setting = self.get(name)
        return values.path(setting.value, setting.module, self._lookup) if setting else None

    def texts(self, name: str) -> set[str]:
        """All strings in a setting, with those of the names that it is made of."""
        bindings = (module.binding(name) for module in self.modules)
        return values.texts([each.value for each in bindings if each], self._lookup)

    def required(self) -> Iterator[tuple[str, str]]:
        """Variables without a default, and where each is read."""
        for module in self.modules:
            yield from values.required(module)

    def _lookup(self, name: str) -> tuple[Module, ast.expr] | None:
        setting = self.get(name)
        return (setting.module, setting.value) if setting else None

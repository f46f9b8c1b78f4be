"""What a release is built for."""

import platform
import sys
from dataclasses import dataclass
from functools import cache

from packaging.specifiers import SpecifierSet

from skytier.errors import SkytierError

OLDEST_PYTHON = (3, 11)
OLDEST_GLIBC = 17
"""Compiled packages for a glibc older than 2.17 are no longer made."""
_UV_ARCHITECTURES = ("x86_64", "aarch64")
_UV_GLIBC = (17, 28, *range(31, 41))
"""What uv has names for."""

System = tuple[str, tuple[int, ...]]
"""A distribution and its version: `("ubuntu", (24, 4))`."""
# Python and glibc as each ships them; where its Python is too old, the one that the set-up brings.
_LIKELY = {
    ("debian", (12,)): ("3.11", 36),
    ("debian", (13,)): ("3.13", 41),
    ("ubuntu", (20, 4)): ("3.12", 31),
    ("ubuntu", (22, 4)): ("3.12", 35),
    ("ubuntu", (24, 4)): ("3.12", 39),
}


@dataclass(frozen=True)
class Platform:
    """A Python on a machine.

    >>> Platform("3.11", "x86_64", 18).platforms()
    ['manylinux_2_18_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64']
    """

    python: str
    """`3.11`"""
    architecture: str
    """`x86_64`, `aarch64`"""
    glibc: int
    """The second number of its version: 36 for 2.36."""

    def __str__(self) -> str:
        return f"Python {self.python} on {self.architecture} with glibc 2.{self.glibc}"

    def platforms(self) -> list[str]:
        """The tags of the compiled packages that run there, the newest first."""
        newest_first = range(self.glibc, OLDEST_GLIBC - 1, -1)
        tags = [f"manylinux_2_{minor}_{self.architecture}" for minor in newest_first]
        return [*tags, f"manylinux2014_{self.architecture}"]

    def uv_name(self) -> str:
        """What uv calls it: `x86_64-manylinux_2_36`, the newest that uv knows and that runs there.

        Raises SkytierError when uv has no name for the architecture.
        """
        if self.architecture not in _UV_ARCHITECTURES:
            raise SkytierError(
                f"Packages cannot be got for the architecture {self.architecture}.",
                "Choose an image and a flavor of x86_64 or aarch64.",
            )
        newest = max(minor for minor in _UV_GLIBC if minor <= max(self.glibc, OLDEST_GLIBC))
        return f"{self.architecture}-manylinux_2_{newest}"

    def markers(self) -> dict[str, str]:
        """The values of the conditions in requirements: `python_version < "3.12"`.

        The third number of the Python's version is 0: what the first one needs suits all later
        ones, while a backport that is left out may be missed.
        """
        return {
            "extra": "",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.architecture,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }

    def satisfies(self, requires_python: str) -> bool:
        """Whether some patch version of its Python is one of `>=3.11,<4`.

        Raises ValueError when that is not a list of versions.
        """
        allowed = SpecifierSet(requires_python)
        return any(allowed.contains(f"{self.python}.{patch}") for patch in range(100))

    @classmethod
    @cache
    def here(cls) -> "Platform":
        """That of the Python that runs this tool; where there is no glibc, with 2.17."""
        version = platform.libc_ver()[1].split(".")
        minor = int(version[1]) if len(version) > 1 else OLDEST_GLIBC
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cls(python, platform.machine(), minor)

    @classmethod
    def parse(cls, said: str) -> "Platform":
        """From what the script `target.sh` prints: `3.11 x86_64 2.36`.

        Raises SkytierError when it is something else, or when the Python is too old.
        """
        try:
            python, architecture, glibc = said.split()
            version = tuple(int(part) for part in python.split("."))
            minor = int(glibc.split(".")[1])
        except (ValueError, IndexError):
            raise SkytierError(
                f"The machine does not say which Python it has, but: {said.strip()!r}.",
                "Look whether /opt/skytier/python3 runs there; setting the machine up makes it.",
            ) from None
        if version < OLDEST_PYTHON:
            raise SkytierError(
                f"The machine's Python {python} is older than 3.11, which the application needs.",
                "Set the machine up again: that brings a newer one.",
            )
        return cls(python, architecture, minor)

    @classmethod
    def likely(cls, system: System) -> "Platform | None":
        """What a machine of a distribution will probably say; None for one that is not known.

        >>> Platform.likely(("debian", (12,)))
        Platform(python='3.11', architecture='x86_64', glibc=36)
        """
        found = _LIKELY.get(system)
        return cls(found[0], "x86_64", found[1]) if found else None


def systems_with(requires_python: str) -> list[str]:
    """The distributions whose web servers have such a Python: `Debian 13 (Python 3.13)`."""
    return [
        f"{name.capitalize()} {_as_people_write(version)} (Python {python})"
        for (name, version), (python, glibc) in _LIKELY.items()
        if Platform(python, "x86_64", glibc).satisfies(requires_python)
    ]


def _as_people_write(version: tuple[int, ...]) -> str:
    """`24.04` for Ubuntu's (24, 4)."""
    first, *more = version
    return ".".join([str(first), *(f"{part:02}" for part in more)])

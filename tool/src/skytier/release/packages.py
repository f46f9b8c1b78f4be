"""The application itself: laid out, with its static files, and compiled."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from skytier.errors import SkytierError


def wheel(project: Path, directory: Path) -> None:
    """Build a project of Python alone, and lay out in a directory what its files do not have.

    That is mostly what makes it an installed package: its name, version and commands. Raises
    SkytierError.
    """
    with tempfile.TemporaryDirectory() as temporary:
        # Some backends write beside what they build.
        copied = Path(temporary, "project")
        shutil.copytree(project, copied, symlinks=True)
        _pip(
            "wheel",
            "--no-deps",
            # A backend that is here already need not be fetched.
            *(["--no-build-isolation"] if _has_backend(project) else []),
            f"--wheel-dir={temporary}",
            str(copied),
        )
        (built,) = Path(temporary).glob("*.whl")
        if not built.name.endswith("-none-any.whl"):
            raise SkytierError(
                f"{built.name} holds compiled code, which this machine made for itself.",
                "An application has to be Python alone; its packages may hold compiled code.",
            )
        with zipfile.ZipFile(built) as archive:
            for name in archive.namelist():
                places = [project / name, project / "src" / name]
                if not any(at.is_file() and at.read_bytes() == archive.read(name) for at in places):
                    archive.extract(name, directory)


def _has_backend(project: Path) -> bool:
    """Whether the build backend of a project is installed beside this tool."""
    system = tomllib.loads((project / "pyproject.toml").read_text())["build-system"]
    backend = str(system.get("build-backend", "setuptools.build_meta")).partition(":")[0]
    wanted = [re.split("[^A-Za-z0-9_.-]", each)[0] for each in system.get("requires", ())]
    return bool(wanted) and all(map(_is_installed, wanted)) and _is_module(backend)


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def byte_compile(directory: Path) -> None:
    """Compile a tree for this Python, in such a way that nothing is looked up again later.

    The service that runs it may not write there, and time stamps are not kept.
    """
    # What does not compile is not for this Python; it fails when it is imported, if ever.
    subprocess.run(
        [
            *(sys.executable, "-m", "compileall", "-q", "-q", "-j", "0"),
            # No path of this machine in the code, so that the result is the same on all of them.
            *("--invalidation-mode", "unchecked-hash", "-s", str(directory), str(directory)),
        ],
        check=False,
        stdout=subprocess.DEVNULL,
    )


def _pip(command: str, *arguments: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", command, "--quiet", "--no-input"),
            *("--disable-pip-version-check", *arguments),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise SkytierError(
            f"pip {command} failed for the application's release:\n{said}",
            "Fix the cause, and run it again. What it got already is kept.",
        )

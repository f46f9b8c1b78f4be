"""The application itself: laid out, with its static files, and compiled."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from skytier.errors import SkytierError


def wheel(project: Path, directory: Path) -> None:
    """Build a project of Python alone, and lay it out in a directory. Raises SkytierError."""
    with tempfile.TemporaryDirectory() as temporary:
        _pip(
            "wheel",
            "--no-deps",
            # The backend is pinned with the tool, so none has to be fetched.
            "--no-build-isolation",
            f"--wheel-dir={temporary}",
            str(project),
        )
        (built,) = Path(temporary).glob("*.whl")
        if not built.name.endswith("-none-any.whl"):
            raise SkytierError(
                f"{built.name} holds compiled code, which this machine made for itself.",
                "An application has to be Python alone; its packages may hold compiled code.",
            )
        with zipfile.ZipFile(built) as archive:
            archive.extractall(directory)


def collect_static(application: Path, directory: Path) -> None:
    """Have an application that is laid out put its static files into a directory.

    By this Python and the packages beside this tool: those of the target may be for another one.
    Raises SkytierError.
    """
    # No path of this machine and nothing compiled for it gets into the tree.
    environment = {**os.environ, "PYTHONPATH": str(application), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "skytier_app", "collect-static", str(directory)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise SkytierError(
            f"The application's static files could not be collected:\n{said}",
            "Mend what it says, and run it again.",
        )


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
            "Mend what it says, and run it again. What it got already is kept.",
        )

"""The neighbours' own environments: Python packages and Node's, in the cache, made when missing."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.speed import machine
from skytier.errors import SkytierError

PEERS = machine.CHECKOUT / "bench/peers"


def python() -> Path:
    """The Python that has what bench/peers/requirements.txt pins."""
    requirements = PEERS / "requirements.txt"

    def make(directory: Path) -> None:
        machine.say("Setting up the neighbours' Python packages (once, about a minute) ...")
        _run(sys.executable, "-m", "venv", directory)
        pip = (directory / "bin/python", "-m", "pip", "install", "-qq", "--require-hashes")
        _run(*pip, "--disable-pip-version-check", "-r", requirements)

    return _made("python", [requirements.read_text(), sys.version], make) / "bin/python"


def fastify() -> Path:
    """A copy of the Fastify application with the packages that it needs."""
    machine.require(machine.NODE_PACKAGES)
    source = PEERS / "fastify"

    def make(directory: Path) -> None:
        machine.say("Setting up the neighbours' Node packages (once) ...")
        shutil.copytree(source, directory, ignore=shutil.ignore_patterns("node_modules"))
        npm = (machine.program("npm"), "ci", "--prefix", directory)
        _run(*npm, "--no-audit", "--no-fund", "--loglevel=error")

    return _made("node", [p.read_text() for p in sorted(source.glob("*.js*"))], make)


def _made(kind: str, depends_on: list[str], make: Callable[[Path], None]) -> Path:
    """The directory that `make` fills once for the things that it depends on."""
    digest = hashlib.sha256("\0".join(depends_on).encode()).hexdigest()[:12]
    directory = machine.cache() / f"{kind}-{digest}"
    whole = directory / "whole"
    with machine.alone(kind):
        if not whole.exists():
            # Whoever stopped in the middle left no mark. Environments cannot be renamed when done.
            for old in machine.cache().glob(f"{kind}-*"):
                shutil.rmtree(old)
            make(directory)
            whole.touch()
    return directory


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, stdout=sys.stderr)
    if done.returncode:
        raise SkytierError(
            f"{' '.join(map(str, command[:4]))} failed: its message is above.",
            "Check that this machine reaches its package index, and run again.",
        )

"""Gets the packages of pinned requirements for a target: wheels, and sources of Python alone."""

import tempfile
from pathlib import Path

from packaging.tags import compatible_tags, parse_tag

from skytier.release import uv
from skytier.release.pins import Pin, Requirements, read
from skytier.release.platform import Platform
from skytier.release.refusals import (
    Refusal,
    compiled,
    known_as_compiled,
    refused,
    together,
    unbuilt,
)
from skytier.release.tidy import tidy

_VERSIONS_OF_PYTHON = tuple(f"3.{minor}" for minor in range(9, 16))
"""Those that packages have wheels for."""


def install(pins: str, target: Platform, directory: Path) -> None:
    """Install pinned requirements for a target into a new directory.

    Wheels are those of the target. A package without one is built from its source on this machine,
    and taken when the result is Python alone. Hashes are checked where the text has them. The same
    text gives the same tree. Raises SkytierError that names each package which cannot be had.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    requirements = read(pins, target)
    sources = _wheels(requirements, target, directory)
    refusals = [found for pin in sources if (found := _refusal(requirements, pin, target))]
    if refusals:
        raise together(refusals)
    if sources:
        done = _install(requirements.with_pins(sources), target, directory, from_source=True)
        if done.code:
            raise refused("The application's packages could not be installed", done.stderr)
    tidy(directory)


def _wheels(requirements: Requirements, target: Platform, directory: Path) -> list[Pin]:
    """Install all that has a wheel for the target. Returns what has none."""
    sources = set[str]()
    while True:
        left = [pin for pin in requirements.pins if pin.name not in sources]
        done = _install(requirements.with_pins(left), target, directory)
        new = done.without_wheel() - sources
        if done.code and not new:
            raise refused("The application's packages could not be installed", done.stderr)
        if not new:
            return [pin for pin in requirements.pins if pin.name in sources]
        sources |= new


def _refusal(requirements: Requirements, pin: Pin, target: Platform) -> Refusal | None:
    """Build one package by itself. Returns why the result cannot be used, if so."""
    # Building what is compiled may take long, and nothing good comes of it.
    if known_as_compiled(pin) or _has_wheels(requirements, pin):
        return compiled(pin, target)
    with tempfile.TemporaryDirectory() as temporary:
        one = requirements.with_pins([pin])
        done = _install(one, target, Path(temporary), from_source=True)
        if done.code:
            return unbuilt(pin, done.stderr)
        return None if _is_python_alone(Path(temporary), target) else compiled(pin, target)


def _has_wheels(requirements: Requirements, pin: Pin) -> bool:
    """Whether it has wheels, though for other machines or versions of Python: it is compiled."""
    with tempfile.TemporaryDirectory() as temporary:
        return any(
            not uv.run(
                *("pip", "compile", "-", "--no-deps", "--universal", "--only-binary=:all:"),
                f"--python-version={version}",
                directory=Path(temporary),
                stdin="\n".join((*requirements.options, f"{pin.name}=={pin.version}")),
            ).code
            for version in _VERSIONS_OF_PYTHON
        )


def _is_python_alone(directory: Path, target: Platform) -> bool:
    """Whether what was installed runs on each machine with the target's Python."""
    (wheel,) = directory.glob("*.dist-info/WHEEL")
    lines = wheel.read_text().splitlines()
    tags = {
        tag
        for line in lines
        if line.startswith("Tag:")
        for tag in parse_tag(line.removeprefix("Tag:").strip())
    }
    python = tuple(int(part) for part in target.python.split("."))
    suits = set(compatible_tags(python, f"cp{target.python.replace('.', '')}", ["any"]))
    return (
        all((tag.abi, tag.platform) == ("none", "any") for tag in tags)
        and bool(tags & suits)
        and not [each for kind in ("so", "dylib", "pyd") for each in directory.rglob(f"*.{kind}")]
    )


def _install(
    requirements: Requirements, target: Platform, directory: Path, *, from_source: bool = False
) -> uv.Ran:
    sources = [pin.name for pin in requirements.pins] if from_source else []
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, "requirements.txt")
        file.write_text(str(requirements))
        return uv.run(
            *("pip", "install", "--no-deps", f"--requirements={file}", f"--target={directory}"),
            *(("--require-hashes",) if requirements.hashed else ()),
            *uv.for_target(target, sources),
            # What is changed in the tree must not change in uv's cache.
            *("--link-mode=copy", "--no-compile-bytecode"),
            # Each hash names a file, so an index that has others of that name is passed over.
            *(("--index-strategy=unsafe-best-match",) if requirements.hashed else ()),
            directory=Path(temporary),
        )

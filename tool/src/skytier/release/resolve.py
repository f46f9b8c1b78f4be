"""Chooses versions for what no file pins, by the package index."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skytier.release import uv
from skytier.release.locks import check_python, read_toml
from skytier.release.pins import (
    NotPinnedError,
    Requirements,
    index_options,
    lines,
    read,
    with_included,
)
from skytier.release.platform import Platform
from skytier.release.refusals import not_from_an_index, refused


def resolve(path: Path, target: Platform) -> Requirements:
    """The newest versions that a requirements.txt, pyproject.toml, setup.py or setup.cfg allows.

    A version with a wheel for the target comes before a newer one without. Raises SkytierError.
    """
    project = path.parent.resolve()
    content = read_toml(path) if path.suffix == ".toml" else {}
    check_python(path, str(content.get("project", {}).get("requires-python", "")), target)
    done = compiled(path.name, target, project)
    if done.code:
        raise refused(f"The versions for {path} could not be chosen", done.stderr)
    # The project itself is shipped as source: only what it needs is installed.
    others = [line for line in lines(done.stdout) if not _is_project(line, project)]
    try:
        found = read("\n".join(others), target)
    except NotPinnedError as line:
        raise not_from_an_index(path, str(line)) from None
    return Requirements(found.pins, options(path))


def options(path: Path) -> tuple[str, ...]:
    """The package indexes that a dependency file names, as options. Raises SkytierError."""
    if path.suffix == ".toml":
        return _uv_indexes(read_toml(path))
    return index_options(with_included(path))


def resolve_beside(
    names: Sequence[str], target: Platform, *constraints: Requirements
) -> Requirements | str:
    """Versions of packages, and of what they need, that suit the constraints; else why not."""
    with tempfile.TemporaryDirectory() as temporary:
        files = []
        for number, each in enumerate(constraints):
            file = Path(temporary, f"{number}.txt")
            file.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in each.pins))
            files.append(f"--constraints={file}")
        options = (option for each in constraints for option in each.options)
        wanted = "\n".join((*options, *names))
        done = compiled("-", target, Path(temporary), *files, stdin=wanted)
    return done.stderr if done.code else read(done.stdout, target)


def compiled(
    source: str, target: Platform, directory: Path, *options: str, stdin: str = ""
) -> uv.Ran:
    """What uv chooses for a file of a directory, and for a target; "-" is `stdin`."""
    sources: set[str] = set()
    while True:
        done = uv.run(
            *("pip", "compile", source, *options, *uv.for_target(target, sorted(sources))),
            *("--generate-hashes", "--no-header", "--no-annotate"),
            directory=directory,
            stdin=stdin,
        )
        new = done.without_wheel() - sources
        if not new:
            return done
        sources |= new  # no version of these has a wheel


def _is_project(line: str, project: Path) -> bool:
    """Whether a line is the project's own directory: `-e .`, `shop @ file:///home/ada/shop`."""
    where = line.removeprefix("-e ").rpartition(" @ ")[2].removeprefix("file://")
    return where.startswith((".", "/")) and (project / where).resolve() == project


def _uv_indexes(content: dict[str, Any]) -> tuple[str, ...]:
    """The package indexes that a pyproject.toml names for uv."""
    named = content.get("tool", {}).get("uv", {}).get("index", ())
    return tuple(
        f"--{'' if each.get('default') else 'extra-'}index-url {each['url']}" for each in named
    )

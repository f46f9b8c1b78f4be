"""The versions that Skytier chose, in a file beside the stack file: pylock.skytier.toml.

It is for projects that pin no versions. It is a lock file of PEP 751 for all platforms, so that it
gives the same to everybody who has it. It holds for the requirements that it was made for.
"""

import hashlib
import json
import re
import tempfile
import tomllib
from pathlib import Path

from packaging.version import Version

from skytier import files
from skytier.errors import SkytierError
from skytier.project.dependencies import CHOSEN
from skytier.release import uv
from skytier.release.application import Application
from skytier.release.locks import pylock, read_toml
from skytier.release.pins import NotPinnedError, Requirements, deciding, read, with_included
from skytier.release.platform import OLDEST_PYTHON, Platform
from skytier.release.refusals import refused
from skytier.release.resolve import compiled, options

_HEAD = """\
# The versions that Skytier chose for {source}, which pins none. Keep this file with the source, so
# that everybody gets the same. They stay until the requirements change. To choose newer ones:
#     skytier release --upgrade
"""
_PACKAGE = "\n[[packages]]\n"
_DIRECTORY = re.compile(r'^directory = \{ path = "([^"]+)"', re.MULTILINE)


class NotForAllError(Exception):
    """There are versions for the target, and none for all platforms. Its text is uv's."""


def kept(application: Application, target: Platform) -> Requirements | None:
    """The versions of the file for a target; None where there is none for these requirements.

    Raises SkytierError when the file is broken, or has nothing for the target.
    """
    if application.lock is None or not holds(application):
        return None
    found = pylock(application.lock, target)
    return Requirements(found.pins, options(_requirements(application)))


def holds(application: Application) -> bool:
    """Whether there is a file, made for the requirements as they are. Raises SkytierError."""
    lock = application.lock
    if lock is None or not lock.is_file() or not chooses(application):
        return False
    try:
        said = read_toml(lock).get("tool", {}).get("skytier", {}).get("requirements")
    except SkytierError as error:
        raise SkytierError(
            error.what,
            "Restore it with Git, or choose all versions again: skytier release --upgrade",
        ) from None
    return bool(said == _fingerprint(application))


def chooses(application: Application) -> bool:
    """Whether the project's dependency file leaves versions open."""
    name = (application.dependencies or "").rpartition("/")[2]
    if name in ("pyproject.toml", "setup.py", "setup.cfg"):
        return True
    if not name.endswith((".txt", ".in")):
        return False
    try:
        # Conditions hide a line from one target only.
        text = with_included(_requirements(application))
        return not read(text, Platform.here()).hashed
    except NotPinnedError:
        return True


def choose(application: Application, target: Platform | None, *, upgrade: bool = False) -> str:
    """Have the file, with versions that suit a target first of all. Returns what to say of it.

    It stays as it is while it holds, unless an `upgrade` is asked for. When requirements have
    changed, the versions of all others stay. Raises SkytierError where no versions can be chosen.
    """
    lock = application.lock
    if lock is None:
        return ""
    if not chooses(application):
        if upgrade:
            raise SkytierError(
                f"{application.dependencies} pins the versions, so there are none to choose."
                if application.dependencies
                else "The project names no packages, so there are no versions to choose.",
                "Upgrade them by the tool that made it, and leave --upgrade out.",
            )
        unused = f"{lock.name} is not used: {application.dependencies} pins the versions."
        return f"{unused} Delete it." if lock.is_file() else ""
    holding = not upgrade and holds(application)
    if holding and _suits(lock, target):
        return ""
    before = lock.read_text() if lock.is_file() and not upgrade else ""
    try:
        made = _resolve(application, target, before)
    except NotForAllError as error:
        return (
            "The versions of packages are kept on this machine only, since none suit all "
            f"platforms:\n{error}"
        )
    why = "the servers have another Python" if holding else "requirements changed"
    said = f"again, because {why}" if before else "for all packages"
    try:
        files.write(lock, made)
    except OSError as error:
        return (
            f"The versions of packages are kept on this machine only: {lock} cannot be written "
            f"({error.strerror})."
        )
    return f"Versions were chosen {said}: see {lock}. Keep the file with the source."


def _suits(lock: Path, target: Platform | None) -> bool:
    """Whether a file is for a target's Python."""
    requires = str(read_toml(lock).get("requires-python", ""))
    return target is None or target.satisfies(requires)


def _resolve(application: Application, target: Platform | None, before: str) -> str:
    """The text of the file. What uv finds in its output file it prefers."""
    path = _requirements(application)
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory, CHOSEN)
        into = ("--no-header", "--no-annotate", f"--output-file={output}")
        if before:
            output.write_text(before)
        elif target:
            # A version with a wheel for the target comes before a newer one without.
            _compile_for(target, path, output)
        for python in _pythons(path, target):
            done = uv.run(
                *("pip", "compile", path.name, "--universal", f"--python-version={python}"),
                *into,
                directory=path.parent.resolve(),
            )
            if not done.code:
                break
        else:
            if target is None:
                raise refused(f"The versions for {path} could not be chosen", done.stderr)
            _compile_for(target, path, output)
            raise NotForAllError(done.stderr.strip())
        text = tidied(output.read_text(), path.parent.resolve(), output.parent)
    return _HEAD.format(source=path.name) + text + _mark(application)


def _compile_for(target: Platform, path: Path, output: Path) -> None:
    """Choose for a target alone. Raises SkytierError."""
    done = compiled(path.name, target, path.parent.resolve(), f"--output-file={output}")
    if done.code:
        raise refused(f"The versions for {path} could not be chosen", done.stderr)


def _pythons(path: Path, target: Platform | None) -> list[str]:
    """The oldest versions of Python that the file may be for, up to the target's."""
    requires = ""
    if path.suffix == ".toml":
        requires = str(read_toml(path).get("project", {}).get("requires-python", ""))
    known = [f"3.{minor}" for minor in range(OLDEST_PYTHON[1], OLDEST_PYTHON[1] + 10)]
    suiting = [each for each in known if Platform(each, "x86_64", 0).satisfies(requires)]
    if target is None:
        return [*suiting, *known][:1]
    return [*(each for each in suiting if Version(each) < Version(target.python)), target.python]


def tidied(text: str, project: Path, directory: Path) -> str:
    """Without the project itself, and without what belongs to the operator's own package index."""
    head, *packages = text.split(_PACKAGE)

    def is_own(package: str) -> bool:
        found = _DIRECTORY.search(package)
        return found is not None and (directory / found[1]).resolve() == project

    text = _PACKAGE.join([head, *(each for each in packages if not is_own(each))])
    text = re.sub(r"^index = .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"(https?://)[^/@\"\s]+@", r"\1", text)


def _mark(application: Application) -> str:
    return f'\n[tool.skytier]\nrequirements = "{_fingerprint(application)}"\n'


def _fingerprint(application: Application) -> str:
    return f"{files.HASH}{hashlib.sha256(_text(application).encode()).hexdigest()}"


def _requirements(application: Application) -> Path:
    return application.source / (application.dependencies or "")


def _text(application: Application) -> str:
    """What decides which versions are possible: the requirements, and where packages come from."""
    path = _requirements(application)
    if path.suffix in (".txt", ".in"):
        return deciding(path)
    content = path.read_text()
    if path.suffix != ".toml":
        return content
    try:
        about = tomllib.loads(content)
    except tomllib.TOMLDecodeError:
        return content
    project, tool = about.get("project", {}), about.get("tool", {})
    if "dependencies" in project.get("dynamic", ()):
        named = (
            tool.get("setuptools", {}).get("dynamic", {}).get("dependencies", {}).get("file", ())
        )
        paths = [path.parent / each for each in ([named] if isinstance(named, str) else named)]
        return "\n".join([content, *(deciding(each) for each in paths)])
    parts = [
        *(project.get("dependencies"), project.get("requires-python")),
        *(tool.get("uv"), tool.get("poetry", {}).get("dependencies")),
    ]
    return json.dumps(parts, sort_keys=True, default=str)

"""What an application lacks to run somewhere, said before anything is changed."""

from collections.abc import Collection, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from skytier.errors import SkytierError
from skytier.project import production
from skytier.project.python_version import PythonWanted, all_wanted
from skytier.release.application import Application
from skytier.release.platform import Platform, systems_with
from skytier.secrets.variables import Summary
from skytier.stackfile.application import DATABASE_URL, POSTGRESQL, ApplicationSection
from skytier.stackfile.storage import VARIABLES as OBJECT_STORE

_DEMANDS = ("pyproject.toml", "Pipfile.lock")
"""The files that say which Python is possible. Others say which one the developers have."""


def check_secrets(section: ApplicationSection, variables: Summary) -> None:
    """Raises SkytierError when a required secret is missing, or a variable is set in two ways."""
    if missing := sorted({*section.required_secrets} - {*variables.names}):
        raise SkytierError(
            f"The application needs {_listed('secret', missing)} that nobody has set: "
            f"{', '.join(missing)}.",
            "\n".join(f"Set it: skytier secret set {name}" for name in missing),
        )
    if POSTGRESQL in section.requires and DATABASE_URL in variables.names:
        raise SkytierError(
            f"The secret {DATABASE_URL} is set, and the application gets the address of the "
            "stack's own PostgreSQL by that name.",
            f"Remove the secret: skytier secret unset {DATABASE_URL}; or, where the database is "
            "elsewhere, set application.requires = [].",
        )
    if twice := sorted({*section.env} & {*variables.names}):
        raise SkytierError(
            f"{', '.join(twice)}: set by application.env and as a secret.",
            "Remove one of both: the line of the stack file, or the secret: "
            f"skytier secret unset {twice[0]}",
        )


def check_given(names: Collection[str], variables: Summary) -> None:
    """Raises SkytierError when a key of the object store that the operator gives is not set."""
    if missing := sorted({*names} - {*variables.names}):
        raise SkytierError(
            f"The key of the object store is not set: {', '.join(missing)}. The stack file says "
            'storage.keys = "given".',
            "\n".join(f"Set it: skytier secret set {name}" for name in missing),
        )


def without_object_store(application: Application) -> list[str]:
    """A warning where the stack has a container, and this machine has no object store for it."""
    given = {*application.env, *application.secret_names}
    missing = [name for name in OBJECT_STORE if name not in given]
    if not application.has_object_store or not missing:
        return []
    return [
        "This machine has no object store for storage.bucket: the application runs without "
        f"{_enumerated(missing)}. To use one, set each: skytier secret set {missing[0]}"
    ]


def check_python_here(application: Application) -> None:
    """Raises SkytierError when the project cannot run by the Python of this tool."""
    here = Platform.here()
    for wanted in _unmet(application, here):
        raise SkytierError(
            f"The project needs Python {wanted.specifier} ({wanted.file}), and Skytier has Python "
            f"{here.python} here.",
            "Set up Skytier by another Python, or correct the file.",
        )


def check_python_on(application: Application, target: Platform | None, system: str) -> None:
    """Raises SkytierError when the project cannot run on a system. None is one not known."""
    for wanted in _unmet(application, target) if target else ():
        others = systems_with(str(wanted.specifier))
        raise SkytierError(
            f"The project needs Python {wanted.specifier} ({wanted.file}), and the web servers "
            f"have Python {target.python if target else ''} ({system}).",
            f"Set web.image to another system: {', '.join(others)}."
            if others
            else "No system that Skytier knows has it. Correct the file.",
        )


def warnings(application: Application, target: Platform | None) -> list[str]:
    """What is not meant for production, and a Python that the developers do not have."""
    found = []
    if target:
        refused = {wanted.file for wanted in _unmet(application, target)}
        found = [
            f"{wanted.file} names Python {wanted.specifier}; the application runs by Python "
            f"{target.python}."
            for wanted in _relevant(application)
            if not target.satisfies(str(wanted.specifier)) and wanted.file not in refused
        ]
    return [
        *found,
        *production.warnings(application.tree, application.env, application.secret_names),
    ]


def _unmet(application: Application, target: Platform) -> Iterator[PythonWanted]:
    """What the target's Python does not meet.

    A newer one than the developers' is none of it: what the project cannot run by, it says in
    pyproject.toml.
    """
    for wanted in _relevant(application):
        if target.satisfies(str(wanted.specifier)):
            continue
        if wanted.file in _DEMANDS or not _is_newer(target, wanted.specifier):
            yield wanted


def _relevant(application: Application) -> Iterator[PythonWanted]:
    """The file that counts most, and those that demand."""
    for number, wanted in enumerate(all_wanted(application.tree)):
        if number == 0 or wanted.file in _DEMANDS:
            yield wanted


def _is_newer(target: Platform, specifier: SpecifierSet) -> bool:
    named = [Version(each.version.removesuffix(".*")) for each in specifier]
    return bool(named) and Version(target.python) > max(Version(_series(each)) for each in named)


def _series(version: Version) -> str:
    return f"{version.major}.{version.minor}"


def _enumerated(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _listed(noun: str, names: list[str]) -> str:
    return f"a {noun}" if len(names) == 1 else f"{noun}s"

"""Says what a project is by reading it: nothing of it is imported or run."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from skytier.project import (
    app_json,
    dependencies,
    django,
    doubts,
    fastapi,
    flask,
    generic,
    health,
    litestar,
    migrations,
    needs,
    processes,
    procfile,
)
from skytier.project.files import listing
from skytier.project.python_version import all_wanted
from skytier.project.recognised import Question, Recognised
from skytier.project.settings import Settings
from skytier.project.tree import Tree

# Set by the stack itself, or not needed to serve.
_GIVEN = frozenset(
    [
        "DATABASE_URL",
        "DATABASE_REPLICA_URL",
        "REDIS_URL",
        "REDIS_CACHE_URL",
        "REDIS_SENTINELS",
        "PORT",
        "WEB_CONCURRENCY",
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "DJANGO_SETTINGS_MODULE",
        "PYTHONPATH",
        "HOME",
        "PATH",
        "TZ",
        "LANG",
    ]
)


def recognise(
    source: Path, *, dependencies: str | None = None, without: Collection[Path] = ()
) -> Recognised:
    """What the project in a directory is.

    `dependencies` chooses the file of its packages; `without` are files that are none of its own.
    Raises SkytierError for a directory that cannot be listed, and for a file that is broken.

    >>> recognise(Path("shop")).serve  # doctest: +SKIP
    'shop.main:app'
    """
    return of_tree(Tree(source.resolve(), listing(source, without)), dependencies)


def of_tree(tree: Tree, chosen: str | None = None) -> Recognised:
    """The same of files that are listed already."""
    pinned, file = _dependencies(tree, chosen)
    packages = dependencies.names(tree, file) | dependencies.direct(tree)
    declared = procfile.recognise(tree).over(app_json.recognise(tree))
    framework = _framework(tree, packages, declared.env)
    # What the project declares goes before what is found in its code.
    found = declared.over(framework)
    settings = django.settings_of(tree, found)
    found = found.over(migrations.recognise(tree))
    if not declared.processes:
        found = found.over(processes.recognise(tree, packages, settings, _manage(tree, found)))
    found = found.over(health.recognise(tree, _file_of(tree, found), settings))
    found = found.over(needs.recognise(packages, file, settings))
    found = found.over(needs.without_database(tree, found, packages, file))
    found = found.over(pinned).over(_python(tree))
    warnings = doubts.of_settings(settings) if settings else doubts.of_modules(tree)
    missing = _missing(found, packages, file)
    found = found.over(Recognised(warnings=[*missing, *warnings, *doubts.of_tree(tree)]))
    if not (found.serve or found.run):
        broken = [f"{path} cannot be read as Python." for path in tree.broken]
        found = found.over(Recognised(warnings=broken))
    return _with_variables(found, settings) if settings else found


def _framework(tree: Tree, packages: frozenset[str], env: Mapping[str, str]) -> Recognised:
    """The one framework that has an application; a question when there are several."""
    found = [
        each
        for each in (
            django.recognise(tree, packages, env),
            fastapi.recognise(tree),
            flask.recognise(tree, packages),
            litestar.recognise(tree, packages),
        )
        if each.framework
    ]
    if not found:
        starlette = fastapi.recognise(tree, fastapi.STARLETTE)
        found = [each for each in (starlette, generic.recognise(tree)) if each.framework][:1]
    if not found:
        return generic.unknown(tree)
    # An ASGI application may have a WSGI one within it.
    if len(found) > 1 and any(
        "WSGIMiddleware" in module.imports for module in tree.mentioning("WSGIMiddleware")
    ):
        found = [each for each in found if each.interface.startswith("asgi")][:1] or found
    if len(found) == 1:
        return found[0]
    serves = [each.serve or f"{each.framework}'s" for each in found]
    asks = f"Which application is served? There are {' and '.join(serves)}."
    candidates = [each.serve for each in found if each.serve]
    for each in found:
        asked = each.questions.get("serve")
        candidates += asked.candidates if asked else ()
    return Recognised(questions={"serve": Question(asks, candidates)})


def _dependencies(tree: Tree, chosen: str | None) -> tuple[Recognised, str | None]:
    found = dependencies.locks(tree)
    if chosen is None and len(found) > 1:
        asks = f"Which file pins the packages? There are {' and '.join(found)}."
        return Recognised(questions={"dependencies": Question(asks, found)}), found[0]
    file = dependencies.choose(tree, chosen)
    if file is None:
        others = [
            path
            for path in tree.paths
            if path.startswith("requirements/") and path.endswith(".txt")
        ]
        asks = "Which packages does the application need? There is no file that says so."
        return Recognised(questions={"dependencies": Question(asks, others)}), None
    return Recognised(dependencies=file, because={"dependencies": f"{file} is there."}), file


def _python(tree: Tree) -> Recognised:
    wanted = list(all_wanted(tree))
    if not wanted:
        return Recognised()
    first = wanted[0]
    # Of a series the latest: `==3.12.*` fits `~=3.12.4`.
    version = re.search(r"\d[\d.]*\d", str(first.specifier).replace("*", "99"))
    warnings = [
        f"{first.file} wants Python {first.specifier}, and {other.file} {other.specifier}."
        for other in wanted[1:]
        if version and not other.specifier.contains(version[0])
    ]
    because = {"python": f"{first.file}: {first.specifier}."}
    return Recognised(python=str(first.specifier), because=because, warnings=warnings)


def _manage(tree: Tree, found: Recognised) -> str:
    inner = f"{found.env.get('PYTHONPATH', '')}/manage.py".lstrip("/")
    return inner if inner in tree else "manage.py"


def _file_of(tree: Tree, found: Recognised) -> str:
    """The file that has the application; empty when it is not known."""
    name = found.serve.partition(":")[0]
    at = f"{found.env.get('PYTHONPATH', '')}/main.py".lstrip("/")
    return (tree.find(name, at) if name else None) or ""


def _missing(found: Recognised, packages: frozenset[str], file: str | None) -> Iterator[str]:
    """The framework itself may not be among the packages."""
    known = {"django", "flask", "fastapi", "starlette", "litestar", "quart", "sanic"}
    # Where only direct names are known, another package may bring it.
    complete = file is not None and (file.endswith("lock") or not packages)
    if complete and found.framework in known and found.framework not in packages:
        yield f"{file}: {found.framework} is not among the packages."


def _with_variables(found: Recognised, settings: Settings) -> Recognised:
    known = _GIVEN | found.env.keys() | found.variables.keys() | set(found.generated)
    variables: dict[str, str] = {}
    for name, at in settings.required():
        if name not in known:
            variables.setdefault(name, f"{at} reads it and has no default.")
    return found.over(Recognised(variables=variables))

"""Recognises Django: manage.py, its settings, and what they say of serving and static files."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from skytier.project.module import Module, literal
from skytier.project.recognised import Interface, Question, Recognised
from skytier.project.settings import Settings
from skytier.project.tree import Tree

_DEPTH = 2
"""Directories between the source and manage.py, at most."""
_DEVELOPMENT = frozenset(
    {"dev", "develop", "development", "local", "debug", "test", "testing", "ci"}
)
_PRODUCTION = ("production", "prod")
_VARIABLE = "DJANGO_SETTINGS_MODULE"


def recognise(tree: Tree, packages: frozenset[str], env: Mapping[str, str]) -> Recognised:
    """What Django needs; empty for another kind of project.

    `env` has the variables that the project declares: its settings go before those of manage.py.
    """
    programs = _programs(tree)
    if not programs:
        return Recognised()
    if len(programs) > 1:
        paths = [module.path for module in programs]
        asks = f"Which is the application? There are {' and '.join(paths)}."
        question = Question(asks, [path.rpartition("/")[0] or "." for path in paths])
        return Recognised(framework="django", questions={"source": question})
    manage = programs[0]
    because = {"framework": f"{manage.path} sets {_VARIABLE}."}
    found = Recognised(framework="django", because=because)
    declared = {name: value for name, value in env.items() if name == _VARIABLE}
    chosen = Recognised(env=declared) if declared else _settings_module(tree, manage)
    name = chosen.env.get(_VARIABLE, "")
    path = tree.find(name, manage.path) if name else None
    module = tree.module(path) if path else None
    found = found.over(_directory(manage, name, path)).over(chosen).over(_migrate(manage))
    if module is None:
        warning = f"{path} cannot be read as Python." if path else f"There is no file for {name}."
        found = found.over(Recognised(warnings=[warning] if name else []))
        return found.over(_serve(tree, manage, None, packages, name))
    settings = Settings(tree, module)
    found = found.over(_serve(tree, manage, settings, packages, name))
    return found.over(_static(settings, manage)).over(_media(settings))


def _directory(manage: Module, name: str, path: str | None) -> Recognised:
    """Where Python has to look for the settings, if it is not the source itself."""
    directory = (
        path[: path.index(name.replace(".", "/"))] if path else manage.path[: -len("manage.py")]
    )
    if not directory:
        return Recognised()
    because = {"env.PYTHONPATH": f"{path or manage.path} is there."}
    return Recognised(env={"PYTHONPATH": directory.rstrip("/")}, because=because)


def settings_of(tree: Tree, found: Recognised) -> Settings | None:
    """The settings that a recognised project runs with."""
    at = f"{found.env.get('PYTHONPATH', '')}/manage.py".lstrip("/")
    path = tree.find(found.env.get(_VARIABLE, ""), at) if _VARIABLE in found.env else None
    module = tree.module(path) if path else None
    return Settings(tree, module) if module else None


def _programs(tree: Tree) -> Sequence[Module]:
    """Each manage.py that sets the settings' module, of those that are least deep."""
    found = [
        module
        for path in tree.python
        if path.rpartition("/")[2] == "manage.py"
        and path.count("/") <= _DEPTH
        and (module := tree.module(path))
        and _set_by(module)
    ]
    least = min((module.path.count("/") for module in found), default=0)
    return [module for module in found if module.path.count("/") == least]


def _set_by(module: Module | None) -> tuple[str, int] | None:
    """The value that a file gives DJANGO_SETTINGS_MODULE where the environment has none."""
    if module is None:
        return None
    for node in module.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="setdefault"), args=[key, value]):
                pass
            case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
                pass
            case _:
                continue
        if literal(key) == _VARIABLE:
            # `setdefault(KEY, os.environ.get(OTHER, "shop.settings"))` has its text inside.
            texts = [text for each in ast.walk(value) if (text := literal(each))]
            if texts:
                return texts[-1], node.lineno
    return None


def _settings_module(tree: Tree, manage: Module) -> Recognised:
    """The settings for production."""
    said = {
        module.path: setting
        for module in (manage, *_beside(tree, manage))
        if (setting := _set_by(module))
    }
    values = {value: f"{path}, line {line}" for path, (value, line) in reversed(said.items())}
    ready = [value for value in values if value.rpartition(".")[2] not in _DEVELOPMENT]
    production = [value for value in ready if value.rpartition(".")[2] in _PRODUCTION]
    for value in [] if production else values:
        # shop.settings may be a package with nothing in it but its modules.
        package = value if value in ready and _is_empty(tree, manage, value) else ""
        if value not in ready:
            package = value.rpartition(".")[0]
        for sibling in [f"{package}.{name}" for name in _PRODUCTION if package]:
            if tree.find(sibling, manage.path):
                why = f"{values[value]} says {value}, and there is {sibling}."
                return _with_settings(sibling, why)
    choice = production or ready or list(values)
    if len(choice) > 1:
        asks = f"Which settings are for production? {' and '.join(choice)} are named."
        return Recognised(questions={f"env.{_VARIABLE}": Question(asks, choice)})
    found = _with_settings(choice[0], f"{values[choice[0]]} says {choice[0]}.")
    if not ready:
        warning = f"{values[choice[0]]}: {choice[0]} are settings for development."
        found = found.over(Recognised(warnings=[warning]))
    return found


def _is_empty(tree: Tree, manage: Module, name: str) -> bool:
    """Whether a module has no settings, of its own or taken in."""
    path = tree.find(name, manage.path)
    module = tree.module(path) if path else None
    return module is not None and not (module.bindings or module.origins)


def _with_settings(name: str, why: str) -> Recognised:
    return Recognised(env={_VARIABLE: name}, because={f"env.{_VARIABLE}": why})


def _beside(tree: Tree, manage: Module) -> Sequence[Module]:
    """The wsgi.py and asgi.py that are one directory below manage.py."""
    prefix = manage.path.removesuffix("manage.py")
    place = re.compile(re.escape(prefix) + r"(src/)?[^/]+/(wsgi|asgi)\.py")
    return [
        module for path in tree.python if place.fullmatch(path) and (module := tree.module(path))
    ]


def _migrate(manage: Module) -> Recognised:
    because = {"migrate": f"{manage.path} is Django's."}
    return Recognised(migrate=f"python {manage.path} migrate --noinput", because=because)


def _serve(
    tree: Tree, manage: Module, settings: Settings | None, packages: frozenset[str], name: str
) -> Recognised:
    """The WSGI or the ASGI application, whichever the packages are for."""
    found: dict[Interface, tuple[str, str]] = {}
    several: dict[Interface, list[str]] = {}
    beside = _beside(tree, manage)
    for interface in ("wsgi", "asgi"):
        setting = settings.get(f"{interface.upper()}_APPLICATION") if settings else None
        said = settings.text(f"{interface.upper()}_APPLICATION") if settings else None
        files = [module for module in beside if module.path.endswith(f"/{interface}.py")]
        package = [each for each in files if each.path.split("/")[-2] == name.partition(".")[0]]
        if said and setting:
            module_name, _, variable = said.rpartition(".")
            found[interface] = f"{module_name}:{variable}", f"{setting.at}: {said}."
        elif package or len(files) == 1:
            path = (package or files)[0].path
            directory = path.split("/")[-2]
            found[interface] = f"{directory}.{interface}:application", f"{path} is there."
        elif files:
            several[interface] = [
                f"{each.path.split('/')[-2]}.{interface}:application" for each in files
            ]
    apps = settings.texts("INSTALLED_APPS") if settings else set()
    return _chosen(found, several, packages, apps)


def _chosen(
    found: dict[Interface, tuple[str, str]],
    several: dict[Interface, list[str]],
    packages: frozenset[str],
    apps: set[str],
) -> Recognised:
    asks_for_asgi = sorted({"channels", "daphne"} & (packages | apps))
    uvicorn = bool({"uvicorn", "uvicorn-worker"} & packages)
    if several and not found:
        candidates = [each for names in several.values() for each in names]
        asks = f"Which is the application? There are {' and '.join(candidates)}."
        return Recognised(questions={"serve": Question(asks, candidates)})
    if not found:
        return Recognised(
            serve="django.core.wsgi:get_wsgi_application",
            interface="wsgi-factory",
            because={"serve": "There is no wsgi.py, so Django's own application is taken."},
        )
    if (
        "asgi" in found
        and not asks_for_asgi
        and uvicorn
        and "gunicorn" in packages
        and "wsgi" in found
    ):
        candidates = [serve for serve, _ in found.values()]
        asks = "WSGI or ASGI? Both Gunicorn and Uvicorn are among the packages."
        return Recognised(questions={"serve": Question(asks, candidates)})
    asgi = "asgi" in found and bool(asks_for_asgi or uvicorn)
    interface: Interface = "asgi" if asgi or "wsgi" not in found else "wsgi"
    serve, why = found[interface]
    if asgi:
        why = f"{why} {(asks_for_asgi or ['uvicorn'])[0]} is among the packages."
    return Recognised(serve=serve, interface=interface, because={"serve": why})


def _static(settings: Settings, manage: Module) -> Recognised:
    apps = settings.texts("INSTALLED_APPS")
    setting = settings.get("STATIC_ROOT")
    if "django.contrib.staticfiles" not in apps:
        return Recognised()
    if setting is None:
        warning = "STATIC_ROOT is not set, so static files are not collected."
        return Recognised(warnings=[f'{warning} Set STATIC_ROOT = BASE_DIR / "static".'])
    root = _below(settings, "STATIC_ROOT")
    if root is None:
        warning = f"{setting.at}: STATIC_ROOT is no directory below the source."
        return Recognised(warnings=[f"{warning} Static files are not collected."])
    because = {"collect": f"{setting.at}: STATIC_ROOT is {root}."}
    found = Recognised(collect=f"python {manage.path} collectstatic --noinput", because=because)
    url = _url(settings.text("STATIC_URL") or "static/")
    if not url:
        return found
    because = {f"static.{url}": f"{setting.at}: STATIC_ROOT is {root}."}
    return found.over(Recognised(static={url: root}, because=because))


def _media(settings: Settings) -> Recognised:
    """Where uploaded files go."""
    setting = settings.get("MEDIA_ROOT")
    if setting is None or settings.text("MEDIA_ROOT") == "":
        return Recognised()
    root = _below(settings, "MEDIA_ROOT")
    if root is None and settings.path("MEDIA_ROOT") is None:
        return Recognised()
    if root is None:
        warning = f"{setting.at}: MEDIA_ROOT is no directory below the source."
        return Recognised(warnings=[f"{warning} The application may write to no other."])
    why = f"{setting.at}: MEDIA_ROOT is {root}."
    if url := _url(settings.text("MEDIA_URL") or ""):
        return Recognised(media={url: root}, because={f"media.{url}": why})
    return Recognised(writable=[root], because={"writable": why})


def _below(settings: Settings, name: str) -> str | None:
    """A setting that is a directory below the source."""
    root = settings.path(name)
    if root is None or root.is_absolute() or ".." in root.parts or root == PurePosixPath("."):
        return None
    return str(root)


def _url(said: str) -> str:
    """The path of a URL such as STATIC_URL; empty where it is another site, or the whole one."""
    path = said.strip("/")
    return f"/{path}/" if path and "//" not in said else ""

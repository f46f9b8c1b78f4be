"""What in a project is not meant for production, as far as its files show it."""

import ast
from collections.abc import Collection, Iterator

from skytier.project import values
from skytier.project.module import Module, keyword, literal
from skytier.project.settings import Setting, Settings
from skytier.project.tree import Tree

_SECRETS = ("SECRET_KEY", "secret_key", "JWT_SECRET", "JWT_SECRET_KEY")
_ENGINES = ("create_engine", "create_async_engine", "SQLAlchemyAsyncConfig", "SQLAlchemySyncConfig")


def of_tree(tree: Tree) -> Iterator[str]:
    """Files that git does not ignore and that never travel. Caches do no harm."""
    for path in tree.left_out:
        name = path.rpartition("/")[2]
        if name.startswith(".env"):
            yield f"{path} is not ignored by git. It is not sent to servers; set its variables."
        elif not name.endswith((".pyc", "__pycache__", "_cache")):
            yield f"{path} is not ignored by git. It is not sent to servers."


def of_production(settings: Settings, given: Collection[str] = ()) -> Iterator[str]:
    """Settings of Django that show source code or secrets; `given` are variables that are set."""
    debug = settings.get("DEBUG")
    if debug and _is_true(values.default(debug.value)) and not _is_given(debug.value, given):
        yield f"{debug.at}: DEBUG is True unless a variable says otherwise. It shows source code."
    key = settings.get("SECRET_KEY")
    said = _secret(key.at, "SECRET_KEY", key.value) if key else ""
    if key and said and not _is_given(key.value, given):
        yield said


def of_settings(settings: Settings) -> Iterator[str]:
    """Settings of Django."""
    yield from of_production(settings)
    if settings.lacks("SECRET_KEY"):
        yield (
            f"{settings.module.path} sets no SECRET_KEY, so nobody can sign in."
            ' Write: SECRET_KEY = os.environ["SECRET_KEY"]'
        )
    databases = settings.get("DATABASES")
    read = any("DATABASE_URL" in module.strings for module in settings.modules)
    if databases and not read and any("sqlite3" in text for text in _engines(databases)):
        others = len(databases.module.bindings["DATABASES"]) > 1
        yield _sqlite(
            databases.module, databases.line, " unless a variable says otherwise" if others else ""
        )
    hosts = settings.get("ALLOWED_HOSTS")
    write = 'Write: ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")'
    if settings.lacks("ALLOWED_HOSTS"):
        yield f"{settings.module.path} sets no ALLOWED_HOSTS, so each request is refused. {write}"
    elif hosts and isinstance(hosts.value, ast.List) and not hosts.value.elts:
        yield f"{hosts.at}: ALLOWED_HOSTS is empty, so each request is refused. {write}"


def _engines(databases: Setting) -> Iterator[str]:
    """The engines that a literal names."""
    for node in ast.walk(databases.value):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if literal(key) == "ENGINE" and (engine := values.text(value)):
                    yield engine


def of_modules(tree: Tree) -> Iterator[str]:
    """Constructs of Flask, FastAPI and SQLAlchemy in any file."""
    return (said for _, said in _of_modules(tree, ()))


def of_modules_in_production(tree: Tree, given: Collection[str] = ()) -> Iterator[str]:
    """Those of them that show source code or secrets; `given` are variables that are set."""
    return (said for kind, said in _of_modules(tree, given) if kind != _DATABASE)


_EXPOSES, _DATABASE = "exposes", "database"


def _of_modules(tree: Tree, given: Collection[str]) -> Iterator[tuple[str, str]]:
    for module in tree.mentioning("secret", "SECRET", "sqlite", "debug", "DEBUG"):
        for node in module.nodes:
            match node:
                case ast.Assign(targets=[target, *_], value=value):
                    yield from _assigned(module, target, value, given)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    yield from _assigned(module, target, value, given)
                case ast.Call():
                    yield from _called(module, node)


def _assigned(
    module: Module, target: ast.expr, value: ast.expr, given: Collection[str]
) -> Iterator[tuple[str, str]]:
    name = ""
    match target:
        case ast.Name(id=variable) | ast.Attribute(attr=variable):
            name = variable
        case ast.Subscript(slice=key):
            name = literal(key) or ""
    text = literal(value)
    if name in _SECRETS and (said := _secret(module.at(target.lineno), name, value)):
        if not _is_given(value, given):
            yield _EXPOSES, said
    elif name == "DEBUG" and _is_true(value) and not isinstance(target, ast.Name):
        yield _EXPOSES, f"{module.at(target.lineno)}: DEBUG is True."
    elif text and text.startswith("sqlite") and "://" in text:
        yield _DATABASE, _sqlite(module, target.lineno)


def _called(module: Module, call: ast.Call) -> Iterator[tuple[str, str]]:
    name = module.dotted(call.func).rpartition(".")[2]
    if name in ("FastAPI", "Starlette", "Litestar", "Quart") and _is_true(keyword(call, "debug")):
        yield _EXPOSES, f"{module.at(call.lineno)}: debug=True shows source code to visitors."
    texts = [text for each in call.args[:1] if (text := literal(each))]
    if name in _ENGINES and texts and texts[0].startswith("sqlite"):
        yield _DATABASE, _sqlite(module, call.lineno)


def _is_given(value: ast.expr, given: Collection[str]) -> bool:
    """Whether a value is that of a variable which is set."""
    return values.variable(value) in given


def _secret(at: str, name: str, value: ast.expr) -> str:
    """What to say of a secret; empty when it is well."""
    if literal(value):
        return f"{at}: {name} has a value in the source. Read it from the variable SECRET_KEY."
    variable = values.variable(value)
    # The stack sets this one.
    if variable and variable != "SECRET_KEY" and values.text(value):
        return f"{at}: {name} has a value in the source where {variable} is not set."
    return ""


def _sqlite(module: Module, line: int, unless: str = "") -> str:
    return (
        f"{module.at(line)}: the database is SQLite{unless}. Servers cannot share its file, and a"
        " release replaces it. Read DATABASE_URL."
    )


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True

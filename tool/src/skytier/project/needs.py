"""Which services a project needs, by its packages, and whether it may need a database at all."""

import re

from skytier.project.recognised import Recognised
from skytier.project.settings import Settings
from skytier.project.tree import Tree

_POSTGRESQL = (
    "psycopg",
    "psycopg2",
    "psycopg2-binary",
    "psycopg-binary",
    "psycopg2cffi",
    "asyncpg",
    "aiopg",
    "pg8000",
    "tortoise-orm-asyncpg",
)
_REDIS = (
    "redis",
    "django-redis",
    "channels-redis",
    "aioredis",
    "rq",
    "django-rq",
    "arq",
    "flask-redis",
    "fastapi-cache2",
)
_OTHERS = {
    "mysqlclient": "MySQL",
    "pymysql": "MySQL",
    "aiomysql": "MySQL",
    "pymongo": "MongoDB",
    "motor": "MongoDB",
}
_OF_A_DATABASE = re.compile(
    "sql|psycopg|pg8000|asyncpg|aiopg|alchemy|alembic|aerich|django|wagtail|tortoise|peewee|piccolo"
    "|pony|prisma|edgedb|procrastinate|pgqueuer|(^|-)(orm|databases|gino|gel|records|dataset)($|-)"
    "|^ormar"
)
"""Names of packages that have one of these may be there for a database."""
_READS_A_DATABASE = re.compile(
    b"DATABASE|DB_[A-Z]|PGHOST|postgres|sqlite|mysql|psycopg|asyncpg|alchemy|tortoise|peewee",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(
    r"(.*/)?(\.env\.(example|sample|template)|Procfile|app\.json|alembic\.ini"
    r"|(docker-)?compose[^/]*\.ya?ml|[^/]*\.(toml|cfg|ini))"
)


def recognise(packages: frozenset[str], file: str | None, settings: Settings | None) -> Recognised:
    """`requires`, and a warning for a database that a stack has not."""
    requires, because, warnings = [], {}, []
    for service, names in (("postgresql", _POSTGRESQL), ("redis", _REDIS)):
        if name := next((name for name in names if name in packages), ""):
            requires.append(service)
            because[f"requires.{service}"] = f"{file}: {name}."
    for name, database in _OTHERS.items():
        if name in packages:
            warnings.append(f"{file}: {name} is for {database}, which a stack does not have.")
    if "postgresql" not in requires and settings and settings.get("DATABASES") and file:
        warnings.append(f"{file}: there is no driver for PostgreSQL. Add psycopg.")
    return Recognised(requires=requires, because=because, warnings=warnings)


def without_database(
    tree: Tree, found: Recognised, packages: frozenset[str], file: str | None
) -> Recognised:
    """A reason for going without PostgreSQL; nothing where the project may need a database."""
    if not (found.serve or found.run) or file is None or not packages:
        return Recognised()
    if "postgresql" in found.requires or found.migrate or found.jobs or found.framework == "django":
        return Recognised()
    if "migrate" in found.questions or any(map(_OF_A_DATABASE.search, packages)):
        return Recognised()
    others = [path for path in tree.paths if _CONFIGURATION.fullmatch(path)]
    for path in (*tree.python, *others):
        content = tree.content(path)
        if content is None or _READS_A_DATABASE.search(content):
            return Recognised()
    reason = f"{file} has no package for a database, and no file reads the address of one."
    return Recognised(because={"requires": reason})

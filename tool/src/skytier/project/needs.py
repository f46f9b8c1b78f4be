"""Which services a project needs, by its packages."""

from skytier.project.recognised import Recognised
from skytier.project.settings import Settings

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

"""The keys of the section [application]: the operator's own application."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from skytier.stackfile import values
from skytier.stackfile.processes import Command, Job, Process, clash
from skytier.stackfile.section import Section, contradiction, key

Interface = Literal["asgi", "wsgi", "asgi-factory", "wsgi-factory"]
LONGEST_VALUE = 100_000
GIVEN = ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "LISTEN_FDS")
"""Variables that Skytier gives to every application."""
POSTGRESQL = "postgresql"
DATABASE_URL = "DATABASE_URL"
"""The variable that Skytier gives to those that require PostgreSQL."""


def _python_object(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", value):
        raise ValueError("is not a module and an object")
    return value


def _url_path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", value):
        raise ValueError("is not a URL path that begins with a slash")
    return value


def _static(value: dict[str, str]) -> dict[str, str]:
    for prefix, directory in value.items():
        is_path = re.fullmatch(r"(/[A-Za-z0-9._~-]+)+/", prefix)
        if not is_path or {".", ".."} & set(prefix.split("/")):
            raise ValueError(f"has {prefix!r}, which is not a URL path such as /static/")
        _inside(directory)
    return value


def _check_name(name: str) -> None:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"has {name!r}, which is not the name of a variable")
    if name in GIVEN or name.startswith("SKYTIER_"):
        raise ValueError(f"has {name}, which Skytier sets")


def _inside(directory: str) -> PurePosixPath:
    path = PurePosixPath(directory)
    if not directory.strip() or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"has {directory!r}, which is not a directory inside the source")
    return path


def _writable(value: tuple[str, ...]) -> tuple[str, ...]:
    for directory in value:
        if not _inside(directory).parts:
            raise ValueError(f"has {directory!r}, the source itself, which a release never changes")
    return tuple(dict.fromkeys(str(PurePosixPath(directory)) for directory in value))


def _media(value: dict[str, str]) -> dict[str, str]:
    return dict(zip(value, _writable(tuple(_static(value).values())), strict=True))


def _environment(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        _check_name(name)
        if "\0" in text or len(text) > LONGEST_VALUE:
            raise ValueError(f"has a value of {name} with a NUL or over {LONGEST_VALUE} characters")
    return value


def _names(value: list[str]) -> list[str]:
    for name in value:
        _check_name(name)
    return value


def _services(value: tuple[str, ...]) -> tuple[str, ...]:
    for service in value:
        if service == "redis":
            raise ValueError(
                'has "redis". Write kind = "redis" into the section [cache] of the stack file, or '
                "give the address of a Redis of your own: skytier secret set REDIS_URL"
            )
        if service != POSTGRESQL:
            raise ValueError(f"has {service!r}, which Skytier does not know")
    return tuple(dict.fromkeys(value))


def _overlap(one: str, other: str) -> bool:
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


Text = Annotated[str, AfterValidator(values.text)]


def _outgoing(value: tuple[str, ...]) -> tuple[str, ...]:
    """`any`, `stack`, or networks."""
    if value in (("any",), ("stack",)):
        return value
    return values.addresses_once(values.some(tuple(values.network(each) for each in value)))


Outgoing = Annotated[tuple[str, ...], BeforeValidator(values.in_a_list), AfterValidator(_outgoing)]


class ApplicationSection(Section):
    """Your own application: a Python web project. Without `serve` and `run`, the sample
    application runs."""

    source: Text = key(".", "the path of a directory")
    """The directory of the project; the path is relative to this file. What Git ignores, .env and
    .venv stay here."""
    serve: Annotated[str, AfterValidator(_python_object)] | None = key(
        None, "a module and an object in it such as shop.main:app", "shop.main:app"
    )
    """The ASGI or WSGI application, or a function without arguments that returns one. Uvicorn
    serves ASGI, Gunicorn serves WSGI."""
    interface: Interface | None = key(
        None, '"asgi", "wsgi", "asgi-factory" or "wsgi-factory"', "wsgi"
    )
    """The interface of what `serve` names. Default: the object is examined at each start, which
    takes longer."""
    run: Command | None = key(None, "a command", "python -m shop.server")
    """A command that serves instead of `serve`. It listens at the sockets that it inherits, as
    systemd passes them (LISTEN_FDS)."""
    dependencies: Text | None = key(None, "the name of a file in the source", "uv.lock")
    """The file with the packages. Default: the only one of uv.lock, poetry.lock, pylock.toml,
    Pipfile.lock and requirements.txt, else pyproject.toml."""
    requires: Annotated[tuple[str, ...], AfterValidator(_services)] = key(
        (POSTGRESQL,), '["postgresql"], or [] for nothing'
    )
    """The services that the application needs. Without "postgresql" the stack has no database, and
    the application gets no DATABASE_URL; it can have no `migrate` and no jobs then."""
    migrate: Command | None = key(None, "a command", "python manage.py migrate --noinput")
    """Brings the database to the schema of a release. It runs once for each release, before the
    first web server is switched to it."""
    migrate_lock_s: int = key(5, "a number of seconds from 0 to 600", ge=0, le=600, strict=True)
    """How long the migration waits for a lock before it is tried again, so that visitors do not
    wait behind it. 0: as long as it takes."""
    before_release: Command | None = key(None, "a command", "./run-tests.sh")
    """Runs on your machine, in the source, before a release. When it fails nothing is changed."""
    after_release: Command | None = key(None, "a command", "./announce.sh")
    """Runs on your machine, in the source, after a release. A rollback runs neither."""
    collect: Command | None = key(None, "a command", "python manage.py collectstatic --noinput")
    """Collects the static files when a release is built. It gets placeholders for secrets, and no
    database."""
    static: Annotated[dict[str, str], AfterValidator(_static)] = key(
        {}, 'URL paths and directories such as {"/static/" = "static"}', {"/static/": "static"}
    )
    """The static files that Nginx serves: a URL path that ends with a slash, and a directory in the
    source."""
    writable: Annotated[tuple[str, ...], AfterValidator(_writable)] = key(
        (), "directories in the source, each apart from `static`", ["data"]
    )
    """Directories that the application may write to, which stay from release to release. What the
    project has in them stays here. They are on one machine alone, so they need exactly one web
    server: with several, keep such files in the database or in an object store."""
    media: Annotated[dict[str, str], AfterValidator(_media)] = key(
        {}, 'URL paths and directories such as {"/media/" = "media"}', {"/media/": "media"}
    )
    """Directories as in `writable` for uploaded files, which Nginx serves. Images (but SVG), sound
    and video are shown; all others are downloaded, so that none runs as a part of the site."""
    health: Annotated[str, AfterValidator(_url_path)] = key("/", "a URL path such as /healthz")
    """The path that is asked whether the application is ready: 2xx. A redirect, 401 or 403 means
    that it is, and for / also 404."""
    request_mib: int = key(10, "a number of MiB from 1 to 10240", ge=1, le=10240, strict=True)
    """The largest body of a request, for example an upload."""
    secrets: Literal["environment", "files"] = key("environment", '"environment" or "files"')
    """How the application gets its secrets: as environment variables, or as files that it reads in
    the directory $CREDENTIALS_DIRECTORY."""
    required_secrets: Annotated[list[str], AfterValidator(_names)] = key(
        [], 'names such as ["STRIPE_KEY"]', ["STRIPE_KEY"]
    )
    """Secrets that the application cannot run without. `skytier up` changes nothing while one of
    them is not set: skytier secret set NAME."""
    outgoing: Outgoing = key(
        ("any",),
        '"any", "stack", or IPv4 networks in a list such as ["203.0.113.0/24"]',
        ["203.0.113.0/24"],
    )
    """Where the application may connect to: anywhere, only to the machines of the stack, or also to
    some networks and the name servers in `dns`."""
    env: Annotated[dict[str, str], AfterValidator(_environment)] = key(
        {}, 'variables such as {SHOP_MODE = "production"}', {"SHOP_MODE": "production"}
    )
    """Environment variables. For secrets there is the command skytier secret set NAME."""

    process: tuple[Process, ...] = key(
        (),
        "sections [[application.process]] with name, run, and optionally count, memory_mib, stop_s",
        [{"name": "worker", "run": "celery -A shop worker"}],
    )
    """What runs beside the web, on each web server: for example the workers of a queue."""
    job: tuple[Job, ...] = key(
        (),
        "sections [[application.job]] with name, run, at, and optionally timeout_s",
        [{"name": "cleanup", "run": "python manage.py clearsessions", "at": "daily"}],
    )
    """What runs at certain times, each time once in the whole stack. A job that still runs is
    not started again: that time is skipped."""

    @property
    def is_own(self) -> bool:
        """Whether it describes an application; without one the sample application runs."""
        return bool(self.serve or self.run)

    @property
    def streams_bodies(self) -> bool:
        """Whether it gets a body while it arrives. Others get it whole: a worker that waits for the
        body of a slow client serves nobody else, unless it is asynchronous."""
        return self is SAMPLE or (self.interface or "").startswith("asgi")

    @property
    def directories(self) -> tuple[str, ...]:
        """All directories that it may write to, relative to the source."""
        return tuple(dict.fromkeys((*self.writable, *self.media.values())))

    @model_validator(mode="after")
    def _fits_together(self) -> "ApplicationSection":
        if both := sorted({*self.required_secrets} & {*self.env}):
            raise contradiction(
                "application.required_secrets", f"names {both[0]}, which application.env sets"
            )
        if self.serve and self.run:
            raise contradiction("application.run", "is one of two ways to serve; remove the other")
        if wrong := clash(self.process, self.job):
            raise contradiction(*wrong)
        if not self.is_own and self.model_fields_set:
            name = sorted(self.model_fields_set)[0]
            raise contradiction(f"application.{name}", "needs application.serve or application.run")
        if POSTGRESQL not in self.requires:
            self._check_without_postgresql()
        elif DATABASE_URL in self.env or DATABASE_URL in self.required_secrets:
            name = "env" if DATABASE_URL in self.env else "required_secrets"
            raise contradiction(f"application.{name}", f"has {DATABASE_URL}, which Skytier sets")
        self._check_directories()
        return self

    def _check_without_postgresql(self) -> None:
        """Raises where something needs PostgreSQL."""
        needed = {
            "migrate": "runs under a lock in PostgreSQL",
            "job": "runs once in the whole stack by a lock in PostgreSQL",
        }
        for name, why in needed.items():
            if getattr(self, name):
                wrong = f'{why}: remove it, or add "postgresql" to application.requires'
                raise contradiction(f"application.{name}", wrong)

    def _check_directories(self) -> None:
        """Raises where a file would be in two directories, or have two addresses."""
        static = [str(PurePosixPath(name)) for name in self.static.values()]
        for name in self.directories:
            key = "media" if name in self.media.values() else "writable"
            others = [other for other in self.directories if other != name]
            if other := next((each for each in (*static, *others) if _overlap(name, each)), ""):
                wrong = f"has {name}, which is not apart from {other}"
                raise contradiction(f"application.{key}", wrong)
        if prefix := next((each for each in self.media if each in self.static), ""):
            wrong = f"has {prefix}, which application.static has too"
            raise contradiction("application.media", wrong)


SAMPLE_PACKAGE = "skytier_app"
SAMPLE = ApplicationSection(
    run=f"python -m {SAMPLE_PACKAGE} serve",
    dependencies="requirements.txt",
    migrate=f"python -m {SAMPLE_PACKAGE} migrate",
    migrate_lock_s=0,  # it has its own
    collect=f"python -m {SAMPLE_PACKAGE} collect-static static",
    static={"/static/": "static"},
    health="/health",
    request_mib=1,
    secrets="files",
    outgoing=("stack",),
)
"""The sample application; its source is where it is installed."""

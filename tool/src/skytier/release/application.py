"""The application that is released, as its project and the stack file describe it."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from skytier.errors import SkytierError
from skytier.project import dependencies
from skytier.project.files import Listing, fingerprint, listing
from skytier.project.tree import Tree
from skytier.release import hooks, processes, sample
from skytier.secrets.variables import Summary
from skytier.stackfile import DEFAULT_PATH, StackFile
from skytier.stackfile.application import POSTGRESQL
from skytier.stackfile.processes import Job, Process

UVICORN, GUNICORN, METRICS = "uvicorn", "gunicorn", "prometheus-client"
UNKNOWN_VERSION = "0"
NO_VARIABLES = Summary()


@dataclass(frozen=True)
class Application:
    """A Python web project, and how it is run. Commands are command lines; None where none is."""

    source: Path
    files: Sequence[Path]
    """What goes to the machines, relative to `source`."""
    dependencies: str | None
    """The file that names the packages, relative to `source`; None where none is."""
    serve: str | None = None
    """`shop.main:app`"""
    interface: str | None = None
    run: str | None = None
    """What serves instead of `serve`."""
    migrate: str | None = None
    migrate_lock_s: int = 0
    """How long the migration waits for a lock; 0 as long as it takes."""
    before_release: str | None = None
    """A command of the operator's machine, as `after_release` is."""
    after_release: str | None = None
    collect: str | None = None
    static: Mapping[str, str] = field(default_factory=dict)
    """URL path to directory: `{"/static/": "static"}`."""
    writable: Mapping[str, bool] = field(default_factory=dict)
    """Directories that outlive the release, and whether Nginx serves them: `{"media": True}`."""
    health: str = "/"
    requires: Sequence[str] = (POSTGRESQL,)
    env: Mapping[str, str] = field(default_factory=dict)
    static_url: str | None = None
    """Where a CDN has the static files."""
    secrets: str = "environment"
    """`environment` or `files`"""
    variables: str = ""
    """The fingerprint of the operator's secret variables; empty where there are none."""
    secret_names: Sequence[str] = ()
    """Their names, with those of required ones."""
    has_object_store: bool = False
    """Whether it gets the variables of an object store, which `collect` may read, too."""

    @cached_property
    def tree(self) -> Tree:
        """Its files, to be read."""
        return Tree(self.source, Listing(self.files, ()))

    lock: Path | None = None
    """The file with the versions that Skytier chose, which need not be there; None where there is
    no stack file."""
    processes: Sequence[Process] = ()
    jobs: Sequence[Job] = ()

    @property
    def version(self) -> str:
        """As pyproject.toml says it; "0" where it does not."""
        said = str(self._project.get("version", UNKNOWN_VERSION))
        return said if re.fullmatch(r"[0-9A-Za-z.]{1,30}", said) else UNKNOWN_VERSION

    @property
    def is_distribution(self) -> bool:
        """Whether it is built and installed as a package, besides the files.

        Poetry and uv both have a key that says no, also where a build system is named.
        """
        tool = self._pyproject.get("tool", {})
        poetry, uv = tool.get("poetry", {}), tool.get("uv", {})
        is_none = poetry.get("package-mode") is False or uv.get("package") is False
        return "build-system" in self._pyproject and not is_none

    @property
    def servers(self) -> Sequence[str]:
        """The packages that serve it, whether it names them or not."""
        if self.run:
            return ()
        if self.interface is None:
            return (UVICORN, GUNICORN, METRICS)
        return (UVICORN if self.interface.startswith("asgi") else GUNICORN, METRICS)

    @property
    def paths(self) -> Sequence[str]:
        """Where Python looks for its modules, relative to the release."""
        source = ["app/src"] if any(path.parts[0] == "src" for path in self.files) else []
        return [*(["distribution"] if self.is_distribution else []), "app", *source]

    def description(self) -> Mapping[str, Any]:
        """What the launcher reads on a machine."""
        return {
            "serve": self.serve,
            "interface": self.interface,
            "run": self.run,
            "migrate": self.migrate,
            "migrate_lock_s": self.migrate_lock_s,
            "collect": self.collect,
            "writable": dict(self.writable),
            "env": {
                "SKYTIER_HEALTH": self.health,
                **({"STATIC_URL": self.static_url} if self.static_url else {}),
                **self.env,
            },
            "secrets": self.secrets,
            "paths": list(self.paths),
            **processes.described(self.processes, self.jobs),
            # Left out where it is the default, as in releases of an older Skytier.
            **({} if POSTGRESQL in self.requires else {"requires": list(self.requires)}),
        }

    def fingerprint(self) -> str:
        """64 hexadecimal digits: others as soon as a file or a setting is another."""
        more = [self.variables] if self.variables else []
        if self.lock and self.lock.is_file() and dependencies.is_open(self.dependencies):
            more.append(self.lock.read_text())
        about = [self.description(), dict(self.static), *more]
        described = json.dumps(about, sort_keys=True)
        content = fingerprint(self.source, self.files)
        return hashlib.sha256(f"{described}\0{content}".encode()).hexdigest()

    @property
    def release(self) -> str:
        """The id of the source: `0.1.0-3f2a9c81d0e4`. That of a built release has more in it."""
        return f"{self.version}-{self.fingerprint()[:12]}"

    def hook(self, when: str, stack: str) -> None:
        """Run what the operator wants `before` or `after` a release. Raises SkytierError."""
        command = self.before_release if when == "before" else self.after_release
        if command:
            hooks.run(command, self.source, release=self.release, stack=stack, when=when)

    @property
    def _pyproject(self) -> Mapping[str, Any]:
        path = self.source / "pyproject.toml"
        if not path.exists():
            return {}
        try:
            return tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SkytierError(f"{path} cannot be read: {error}.", "Correct the file.") from None

    @property
    def _project(self) -> Mapping[str, Any]:
        found = self._pyproject.get("project", {})
        return found if isinstance(found, dict) else {}


def of(stack: StackFile, variables: Summary = NO_VARIABLES) -> Application:
    """The application of a stack file; without one the sample application.

    `variables` says which secret variables it gets. Raises SkytierError when its source is not
    there, or its packages are not clear.
    """
    section = stack.runs
    source = Path(section.source).resolve() if stack.application.is_own else sample.source()
    if not source.is_dir():
        raise SkytierError(
            f"There is no directory {source}, which application.source names.",
            "Name the directory of the project; the path is relative to the stack file.",
        )
    directory = stack.directory.resolve() if stack.directory else None
    lock = directory / dependencies.CHOSEN if directory else None
    listed = listing(source, [DEFAULT_PATH, *_below(source, lock), *map(Path, section.directories)])
    return Application(
        source=source,
        files=listed.files,
        dependencies=dependencies.choose(Tree(source, listed), section.dependencies),
        serve=section.serve,
        interface=section.interface,
        run=section.run,
        migrate=section.migrate,
        migrate_lock_s=section.migrate_lock_s,
        before_release=section.before_release,
        after_release=section.after_release,
        collect=section.collect,
        static=section.static,
        writable={name: name in section.media.values() for name in section.directories},
        health=section.health,
        requires=section.requires,
        env=section.env,
        static_url=stack.static_url,
        secrets=section.secrets,
        variables=variables.fingerprint if stack.application.is_own else "",
        secret_names=sorted({*section.required_secrets, *variables.names}),
        has_object_store=stack.storage.bucket is not None,
        lock=lock,
        processes=section.process,
        jobs=section.job,
    )


def _below(source: Path, lock: Path | None) -> list[Path]:
    """The path of the file with chosen versions, where it lies in the source."""
    return [lock.relative_to(source)] if lock and lock.is_relative_to(source) else []

"""Runs a command of a release with the release's own code, packages and environment.

    launch.py serve            serve the application, until SIGTERM
    launch.py migrate          bring the database to the release's schema
    launch.py collect          collect the static files
    launch.py run WORDS ...    any other command
    launch.py process NAME     one of its processes
    launch.py job NAME [TIME]  a job, once in the whole stack, for a time or by hand with TIME "now"
    launch.py jobs             the last run of each job, as JSON
    launch.py supervise        all processes and jobs, on a machine without systemd

The release is the directory above `runtime/`; its application.json says what to run.
"""

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

LAUNCHER = (sys.executable, "-B", os.path.realpath(__file__))
"""What runs this again: it knows which Python is meant, and what is no command."""
RELEASE = Path(os.path.realpath(__file__)).parents[2]
SECRETS = {
    "DATABASE_URL": "skytier_database_url",
    "DATABASE_REPLICA_URL": "skytier_database_replica_url",
    "REDIS_URL": "skytier_redis_url",
    "REDIS_CACHE_URL": "skytier_redis_cache_url",
    "REDIS_SENTINELS": "skytier_redis_sentinels",
    "SECRET_KEY": "skytier_secret_key",
    "S3_ACCESS_KEY_ID": "skytier_s3_access_key_id",
    "S3_SECRET_ACCESS_KEY": "skytier_s3_secret_access_key",
}
"""Variables, and the files with their values in the directory of the secrets."""
_NEEDS_SHELL = re.compile(r"[$&|;<>()`*?\[\]{}~#\n]|\\|^\s*\w+=")
_PYTHON, _PYTHON_SOMEWHERE = re.compile(r"\Apython3?(?!\S)"), re.compile(r"\bpython3?(?![\w.])")
_OURS = '"$SKYTIER_PYTHON"'
"""The Python of the release, for a shell: what is found on the PATH is another one, or none."""
_ONE_COMMAND = re.compile(r"\s*((?:\w+=[\w.,:/@%+-]*\s+)*)(?!\w+=)([^;&|\n]+)")


def main() -> None:
    """Become the command."""
    application = json.loads((RELEASE / "application.json").read_text())
    name, *more = sys.argv[1:] or ["serve"]
    os.environ.update(environment(application))
    # A migration and a job run their command by this, too, and give it their name.
    if name != "run" or "SKYTIER_PROCESS" not in os.environ:
        named = more[0] if name in ("process", "job") and more else name
        os.environ["SKYTIER_PROCESS"] = "web" if name == "serve" else named
    make_directories(application["writable"])
    os.chdir(RELEASE / "app")
    if name == "run":
        become(more)
    if name == "process":
        become(words(_described(application, "processes", more[0])["run"]))
    if name in ("job", "jobs", "supervise"):
        beside_the_web(application, name, more)
    if name != "serve":
        if not (line := application[name]):
            return
        if name == "migrate":
            sys.exit(migration(words(line), application["migrate_lock_s"]))
        become(words(line))
    from skytier_runtime import listening

    listening.hand_over(listening.sockets())
    become(words(application["run"]) if application["run"] else server(application))


def migration(command: list[str], lock_s: int) -> int:
    """Bring the database to the release's schema. Returns the exit code of the command."""
    from skytier_runtime import migrate, psql

    try:
        url = psql.url(_secrets())
    except psql.PsqlError:
        url = None
    return migrate.run([*LAUNCHER, "run", *command], url, lock_s)


def make_directories(writable: dict[str, bool]) -> None:
    """Have the directories that the application may write to, which all releases share.

    Those that Nginx serves are open to it; what is in them is readable. All others are closed.
    """
    if writable:
        os.umask(0o022)
    for name, served in writable.items():
        directory = Path(RELEASE, "app", name).resolve()
        for above in reversed(directory.parents):
            if not above.exists():
                above.mkdir(mode=0o711, exist_ok=True)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755 if served else 0o700)


def beside_the_web(application: dict[str, Any], name: str, more: list[str]) -> None:
    """Run jobs and processes from this process, which stays what it is."""
    from datetime import datetime

    from skytier_runtime import job, ledger, psql, supervise

    if name == "supervise":
        supervise.run(application, LAUNCHER)
        sys.exit()
    try:
        url = psql.url(_secrets())
        if name == "jobs":
            print(json.dumps(ledger.last(url)))  # noqa: T201
            sys.exit()
    except psql.PsqlError as error:
        sys.exit(f"The database cannot be asked for the jobs: {error}")
    described = _described(application, "jobs", more[0])
    if more[1:] == ["now"]:
        due = None
    else:
        due = datetime.fromisoformat(more[1]) if more[1:] else job.due(described["at"])
    command = [*LAUNCHER, "run", *words(described["run"])]
    sys.exit(job.run(url, described, command, due))


def _described(application: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [each for each in application[kind] if each["name"] == name]
    if not found:
        names = ", ".join(each["name"] for each in application[kind]) or "none"
        sys.exit(f"The release has no {name} among its {kind}. It has: {names}.")
    return found[0]


def _secrets() -> str | None:
    return os.environ.get("SKYTIER_SECRETS_DIR") or os.environ.get("CREDENTIALS_DIRECTORY")


def environment(application: dict[str, Any]) -> dict[str, str]:
    """The variables of every process of the release. What the operator sets counts most.

    Their PYTHONPATH is relative to the project, and comes before the release's own. Values of any
    bytes are in it as `os.environ` has them. Where the application wants its secrets as files, the
    files are written.
    """
    own = application["env"].get("PYTHONPATH", "").split(":")
    paths = [RELEASE / "app" / path for path in own if path]
    paths += [RELEASE / path for path in application["paths"]]
    paths += [RELEASE / "libraries" / "lib", RELEASE / "runtime"]
    programs = [RELEASE / "bin", RELEASE / "libraries" / "lib" / "bin"]
    found = {
        "PYTHONPATH": ":".join(map(str, paths)),
        "PATH": ":".join([*map(str, programs), os.environ.get("PATH", os.defpath)]),
        "SKYTIER_PYTHON": sys.executable,
        "SKYTIER_RELEASE": RELEASE.name,
        "SKYTIER_MACHINE": os.uname().nodename,
        # By these names projects know them from other platforms.
        "ALLOWED_HOSTS": os.environ.get("SKYTIER_HOSTS", "localhost"),
        "CSRF_TRUSTED_ORIGINS": os.environ.get("SKYTIER_ORIGINS", "http://localhost"),
        # Neither the user's own packages, nor those of the working directory.
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        # A release is never changed.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "WEB_CONCURRENCY": os.environ.get("SKYTIER_WORKERS", "1"),
        "PORT": os.environ.get("SKYTIER_PORT", "8000"),
    }
    found |= _secret_variables(application)
    found |= {**application["env"], "PYTHONPATH": found["PYTHONPATH"]}
    from skytier_runtime import object_store

    return {**object_store.variables({**os.environ, **found}), **found}


def _secret_variables(application: dict[str, Any]) -> dict[str, str]:
    """The variables with the secrets, or with the directory where they are files."""
    from skytier_runtime import variables

    named = _secrets()
    directory = Path(named) if named else None
    own = variables.read(RELEASE, directory)
    if application["secrets"] == "files":
        place = os.environ.get("SKYTIER_FILES_DIR")
        if own or (place and "CREDENTIALS_DIRECTORY" not in os.environ):
            # A service has a /tmp of its own, which ends with it.
            files = Path(place or tempfile.mkdtemp(), RELEASE.name)
            variables.as_files(own, directory, files)
            return {"CREDENTIALS_DIRECTORY": str(files)}
        return {}
    given = {
        variable: (directory / name).read_text().strip()
        for variable, name in SECRETS.items()
        if directory and (directory / name).exists()
    }
    if "postgresql" not in application.get("requires", ["postgresql"]):
        # The machine may still have the address that the release before uses.
        given.pop("DATABASE_URL", None)
    return {**given, **{name: os.fsdecode(value) for name, value in own.items()}}


def words(line: str) -> list[str]:
    """A command line as words; one that needs a shell becomes the words of a shell.

    A single command takes the shell's place, so that it gets the signals.

    >>> words("python manage.py migrate"), words("daphne -p $PORT shop.asgi:app")[-1]
    (['python', 'manage.py', 'migrate'], 'exec daphne -p $PORT shop.asgi:app')
    """
    if not _NEEDS_SHELL.search(line):
        return shlex.split(line)
    if one := _ONE_COMMAND.fullmatch(line):
        line = f"{one[1]}exec {_PYTHON.sub(_OURS, one[2])}"
    if _PYTHON_SOMEWHERE.search(line):
        line = f'python() {{ {_OURS} "$@"; }}; python3() {{ {_OURS} "$@"; }}; {line}'
    return ["/bin/sh", "-c", line]


def server(application: dict[str, Any]) -> list[str]:
    """The words that serve a Python object."""
    from skytier_runtime import interface

    os.environ["SKYTIER_SERVE"] = application["serve"]
    kind = application["interface"] or interface.ask(application["serve"])
    os.environ["SKYTIER_INTERFACE"] = kind
    if metrics := os.environ.get("SKYTIER_METRICS_DIR"):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
    module = "skytier_runtime.asgi" if kind.startswith("asgi") else "skytier_runtime.wsgi"
    return ["python", "-m", module]


def become(command: list[str]) -> None:
    """Replace this process. Ends it with a message where there is no such command."""
    program, *arguments = command
    if program in ("python", "python3"):
        # By this name Python finds itself again, for example when it starts another process.
        os.execv(sys.executable, [sys.executable, *arguments])
    if shutil.which(program) is None:
        raise SystemExit(f"There is no command {program} in the release or on the machine.")
    os.execvp(program, command)


if __name__ == "__main__":
    # The directory of this file is where Python looks first; `skytier_runtime` is above it.
    sys.path[0] = str(RELEASE / "runtime")
    main()

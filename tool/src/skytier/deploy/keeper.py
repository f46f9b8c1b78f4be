"""Which member of a database makes its backups, and is restored."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.pgbackrest.config import STATE

RESTORING, PRIMARY, OTHER = "restoring", "primary", "other"
_LOOK = f"""
begun=$(systemctl is-active skytier-restore.service)
if [ -e {STATE}/unfinished ] || [ "$begun" = activating ]; then
    echo {RESTORING}
elif [ "$(cd / && runuser -u postgres -- timeout 10 psql --no-psqlrc --tuples-only --no-align \
    --dbname=postgres --command='SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; then
    echo {PRIMARY}
else
    echo {OTHER}
fi
"""


Member = TypeVar("Member", bound=Host)


def keeper(hosts: Mapping[str, Member], *, any_one: bool = False) -> Member:
    """The member that is being restored, else the primary. One that is alone is not asked.

    `any_one` is whether another one will do if there is neither: the first that answers. Raises
    SkytierError where there is none.
    """
    if len(hosts) == 1:
        return next(iter(hosts.values()))
    with ThreadPoolExecutor(max(len(hosts), 1)) as pool:
        told = dict(zip(hosts, pool.map(_ask, hosts.values()), strict=True))
    for wanted in (RESTORING, PRIMARY, *([OTHER] if any_one else [])):
        found = [name for name in sorted(hosts) if told[name] == wanted]
        if len(found) > 1 and wanted == PRIMARY:
            raise SkytierError(
                f"{' and '.join(found)} are both the primary of the database.",
                "Look again in half a minute: skytier database",
            )
        if found:
            return hosts[found[0]]
    if any_one:
        raise SkytierError("No member of the database runs and answers.", "See why: skytier status")
    raise SkytierError(
        "No member of the database is the primary, and only the primary makes backups.",
        "Wait half a minute: Patroni chooses one. Then look: skytier database. If no member can be "
        "started any more, restore (what is not in the archive is lost): skytier restore --to "
        "latest --without-backup",
    )


def _ask(host: Host) -> str:
    try:
        return host.run(_LOOK).strip()
    except SkytierError:
        return ""

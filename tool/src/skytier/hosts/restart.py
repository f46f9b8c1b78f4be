"""Going on with a machine that restarted."""

from collections.abc import Callable

from skytier.hosts.host import Host, UnreachableError

_BOOT = "cat /proc/sys/kernel/random/boot_id"


def despite_restart(host: Host, reach: Callable[[], object], do: Callable[[], None]) -> None:
    """Do something with a machine that may be done twice, and once more if it restarted meanwhile.

    `reach` waits until it lets us in again. Raises UnreachableError where the connection alone was
    lost: what was begun may still go on there.
    """
    boot = host.run(_BOOT)
    try:
        do()
    except UnreachableError:
        reach()
        if host.run(_BOOT) == boot:
            raise
        do()

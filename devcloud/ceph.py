"""Questions and commands to Ceph's monitor.

Not by the program `ceph`: it asks as soon as it is connected, and has often not heard by then which
cluster it is connected to. The monitor refuses such a command with EPERM ("wrong fsid").
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from devcloud import home, wait
from devcloud.configuration import CEPH_FSID
from devcloud.errors import DevcloudError

CONF = home.ETC / "ceph" / "ceph.conf"
CONNECT_S = 60


@dataclass(frozen=True)
class Monitor:
    """A connection that knows its cluster."""

    cluster: Any

    def run(self, command: str, **arguments: object) -> Any:
        """What a command answers, read from JSON; None when it says nothing.

        Raises DevcloudError with what the monitor said when it refuses.
        """
        asked = {"prefix": command, "format": "json", **arguments}
        code, answer, said = self.cluster.mon_command(json.dumps(asked), b"", timeout=CONNECT_S)
        if code:
            raise DevcloudError(
                f"Ceph refused {command}: {said} ({code}).", "Look at devcloud/logs ceph-mon."
            )
        return json.loads(answer) if answer.strip() else None


@contextmanager
def connected() -> Iterator[Monitor]:
    """A connection to the monitor. Raises DevcloudError when it does not answer."""
    # Comes with Debian's Cinder: not there before the packages are.
    import rados

    do = "Look at devcloud/logs ceph-mon."
    cluster = rados.Rados(conffile=str(CONF))
    try:
        cluster.connect(timeout=CONNECT_S)
    except rados.Error as error:
        raise DevcloudError(f"Ceph does not answer: {error}", do) from None
    try:
        wait.until(
            lambda: cluster.get_fsid() == CEPH_FSID,
            "Ceph does not say which cluster it is",
            CONNECT_S,
            do,
        )
        yield Monitor(cluster)
    finally:
        cluster.shutdown()

"""The machine's CPU, memory, disk and network, sampled beside the requests."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil


@dataclass(frozen=True)
class _Counters:
    at: float
    bytes_received: int
    bytes_sent: int


class MachineSampler:
    """Keeps the newest sample. CPU and network are averages since the sample before."""

    def __init__(self) -> None:
        self._before = self._count()
        self._newest: dict[str, Any] | None = None
        psutil.cpu_percent()  # the first call only marks where the next begins

    @property
    def newest(self) -> dict[str, Any] | None:
        """The newest sample as `Machine` has it; None before the first."""
        return self._newest

    async def sample(self) -> None:
        """Take a sample. It reads /proc and the file system, so a thread does it."""
        self._newest = await asyncio.to_thread(self._take)

    def _take(self) -> dict[str, Any]:
        now, before = self._count(), self._before
        self._before = now
        seconds = max(now.at - before.at, 1e-3)
        memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
        return {
            "sampled_at": datetime.now(UTC),
            "cpu": {
                "count": psutil.cpu_count() or 1,
                "percent": psutil.cpu_percent(),
                "load_1m": psutil.getloadavg()[0],
            },
            "memory": {
                "total_bytes": memory.total,
                "used_bytes": memory.total - memory.available,
                "percent": memory.percent,
            },
            "disk": {
                "total_bytes": disk.total,
                "used_bytes": disk.used,
                "percent": disk.percent,
            },
            "network": {
                "received_bytes_per_s": (now.bytes_received - before.bytes_received) / seconds,
                "sent_bytes_per_s": (now.bytes_sent - before.bytes_sent) / seconds,
            },
        }

    @staticmethod
    def _count() -> _Counters:
        network = psutil.net_io_counters()
        return _Counters(time.monotonic(), network.bytes_recv, network.bytes_sent)

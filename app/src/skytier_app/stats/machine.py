"""The machine's CPU, memory, disk and network, sampled beside the requests."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

KEPT = 120
SHORTEST_S = 1.0
"""An average over less time than this says nothing."""


@dataclass(frozen=True)
class _Counters:
    at: float
    cpu_s: float
    cpu_idle_s: float
    bytes_received: int
    bytes_sent: int


class MachineSampler:
    """Keeps the newest KEPT samples. CPU and network are averages since the sample before."""

    def __init__(self) -> None:
        self._before = self._count()
        self._samples: deque[dict[str, Any]] = deque(maxlen=KEPT)

    @property
    def newest(self) -> dict[str, Any] | None:
        """The newest sample as `Machine` has it; None before the first."""
        return self._samples[-1] if self._samples else None

    def columns(self) -> list[list[float]]:
        """The samples as a chart takes them, oldest first: seconds since 1970, CPU, memory and
        disk in percent, bytes received and sent a second."""
        rows = [
            (
                round(sample["sampled_at"].timestamp(), 1),
                sample["cpu"]["percent"],
                sample["memory"]["percent"],
                sample["disk"]["percent"],
                round(sample["network"]["received_bytes_per_s"]),
                round(sample["network"]["sent_bytes_per_s"]),
            )
            for sample in self._samples
        ]
        return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(6)]

    async def sample(self) -> None:
        """Take a sample. It reads /proc and the file system, so a thread does it."""
        await asyncio.sleep(self._before.at + SHORTEST_S - time.monotonic())
        self._samples.append(await asyncio.to_thread(self._take))

    def _take(self) -> dict[str, Any]:
        now, before = self._count(), self._before
        self._before = now
        seconds = max(now.at - before.at, 1e-3)
        # psutil's own cpu_percent would count from the last call of the same thread.
        idle = (now.cpu_idle_s - before.cpu_idle_s) / max(now.cpu_s - before.cpu_s, 1e-3)
        busy = min(max(1 - idle, 0), 1)
        memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
        return {
            "sampled_at": datetime.now(UTC),
            "cpu": {
                "count": psutil.cpu_count() or 1,
                "percent": round(100 * busy, 1),
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
        cpu, network = psutil.cpu_times(), psutil.net_io_counters()
        return _Counters(
            at=time.monotonic(),
            # Time for guests is in user and nice already.
            cpu_s=sum(cpu) - getattr(cpu, "guest", 0) - getattr(cpu, "guest_nice", 0),
            cpu_idle_s=cpu.idle + getattr(cpu, "iowait", 0),
            bytes_received=network.bytes_recv,
            bytes_sent=network.bytes_sent,
        )

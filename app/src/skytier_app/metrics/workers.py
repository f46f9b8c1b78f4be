"""The metrics of all workers: each keeps its own in files, and whoever is asked adds them up."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


class Workers(MultiProcessCollector):
    """What the files of a directory say, while workers start, end and are killed."""

    def __init__(self, registry: CollectorRegistry, directory: str) -> None:
        self._directory = directory
        super().__init__(registry, directory)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        """Drop the gauges of workers that are gone, which would be summed up for ever."""
        directory = Path(self._directory)
        for pid in {each.stem.rsplit("_", 1)[-1] for each in directory.glob("*.db")}:
            if pid.isdecimal() and not psutil.pid_exists(int(pid)):
                # Another worker that is asked at the same time drops them, too.
                with contextlib.suppress(FileNotFoundError):
                    mark_process_dead(int(pid), self._directory)  # type: ignore[no-untyped-call]
        files = []
        for each in directory.glob("*.db"):
            # A worker that starts makes a file first, and then writes to it.
            with contextlib.suppress(FileNotFoundError):
                if each.stat().st_size:
                    files.append(os.fspath(each))
        metrics: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return metrics

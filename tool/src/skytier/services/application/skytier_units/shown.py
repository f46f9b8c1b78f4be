"""What systemd shows of units, read."""

from collections.abc import Iterator, Mapping
from typing import Any

from . import WEB
from .wanted import parts, parts_of_job


def properties(said: str) -> list[dict[str, str]]:
    """The units that `systemctl show` tells of, each with its properties."""
    blocks = (block.splitlines() for block in said.strip().split("\n\n") if block.strip())
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]


def is_up(unit: Mapping[str, str]) -> bool:
    """Whether it runs."""
    return unit["ActiveState"] == "active"


def has_failed(unit: Mapping[str, str], restarts_before: int) -> bool:
    """Whether it ended since it was started."""
    ended = unit["ActiveState"] == "failed" or unit["SubState"] == "auto-restart"
    return ended or int(unit["NRestarts"] or 0) > restarts_before


def told(unit: Mapping[str, str], now_s: float, current: str) -> dict[str, Any]:
    """A unit as `status` tells it; `now_s` is on systemd's monotonic clock."""
    began = int(unit["ExecMainStartTimestampMonotonic"] or 0) / 1e6
    running = int(unit["MainPID"] or 0) > 0
    memory = unit["MemoryCurrent"]
    if unit["Id"] == WEB:
        name, number, release = "web", 1, current
    elif unit["Id"].startswith("skytier-job@"):
        name, number, release = parts_of_job(unit["Id"]), 1, ""
    else:
        name, number, release = parts(unit["Id"])
    return {
        "kind": "job" if unit["Id"].startswith("skytier-job@") else "process",
        "name": name,
        "number": number,
        "release": release,
        "state": "stopping" if unit["ActiveState"] == "deactivating" else unit["SubState"],
        "up": is_up(unit),
        "pid": int(unit["MainPID"]) if running else None,
        "age_s": round(now_s - began) if running else None,
        "memory_bytes": int(memory) if running and memory.isdigit() else None,
        "restarts": int(unit["NRestarts"] or 0),
        "exit_code": int(unit["ExecMainStatus"] or 0),
    }


def complaints(status: Mapping[str, Any]) -> Iterator[str]:
    """What of a status is not as it should be."""
    for each in status["processes"]:
        current = each["release"] == status["release"]
        if each["kind"] == "process" and each["name"] != "web" and current and not each["up"]:
            yield f"{each['name']} {each['number']} does not run: it is {each['state']}."

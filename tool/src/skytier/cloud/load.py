"""What a stack's machines were busy with, for advice: from its plan and its figures."""

from collections.abc import Sequence

from skytier.cloud.choices import offered_flavors
from skytier.cloud.stack import CloudStack
from skytier.costs.advice.facts import Machine
from skytier.costs.usage import Kind, Resource
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Point, Source
from skytier.resources.server import Server
from skytier.roles import ROLES

STEP_S = 300
"""Of the figures: a peak of less is not what a size is chosen for."""


def flavors(stack: CloudStack) -> list[Resource]:
    """What the cloud offers."""
    return [
        Resource(
            kind=Kind.SERVER,
            flavor=each.name,
            vcpus=each.vcpus,
            ram_mib=each.ram_mib,
            disk_gib=each.disk_gib,
        )
        for each in offered_flavors(stack.connection)
    ]


def machines(
    stack: CloudStack, source: Source, offered: Sequence[Resource], start: float, end: float
) -> list[Machine]:
    """Every server of the stack, with its figures from start to end (unix seconds)."""
    plan = stack.plan()
    sizes = {each.flavor: each for each in offered}
    cpu, memory, disk = (
        _by_machine(source, name, start, end)
        for name in ("cpu_percent", "memory_percent", "disk_percent")
    )
    found = []
    for key, server in plan.known.items():
        size, role = sizes.get(server.attributes.get("flavor", "")), server.facts.get("role", "")
        if key.kind != Server.name or role not in ROLES or size is None:
            continue
        image = plan.blueprint.choices.images[role]
        found.append(
            Machine(
                key.name,
                role,
                size,
                cpu.get(key.name, ()),
                memory.get(key.name, ()),
                disk.get(key.name, ()),
                keeps=ROLES[role].keeps,
                image_ram_mib=image.min_ram_mib,
                image_disk_gib=image.min_disk_gib,
            )
        )
    return found


def latency(source: Source, start: float, end: float) -> Sequence[Point]:
    """Within how many seconds 99 of 100 requests were answered."""
    found = source.series(BY_ID["latency_p99_s"], start, end, STEP_S)
    return found[0].points if found else ()


def _by_machine(source: Source, chart: str, start: float, end: float) -> dict[str, Sequence[Point]]:
    series = source.series(BY_ID[chart], start, end, STEP_S)
    return {each.labels.get("machine", ""): each.points for each in series}


def objective_s(stack: CloudStack) -> float | None:
    """Within how many seconds 99 of 100 requests shall be answered."""
    monitor = getattr(stack.stack, "monitor", None)
    return monitor.latency_objective_ms / 1000 if monitor else None

"""What a stack's machines were busy with, for advice: from its plan and its figures."""

from collections.abc import Sequence

from openstack.connection import Connection

from skytier.charts.chart import Chart
from skytier.costs.advice.facts import MachineLoad
from skytier.costs.usage import Resource, ResourceKind
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Point, Source
from skytier.openstack.choices.choices import offered_flavors
from skytier.openstack.plan.planned import Plan
from skytier.openstack.resources.server import Server

STEP_S = 300
"""Of the figures: a peak of less is not what a size is chosen for."""
FIGURES = ("cpu_percent", "memory_percent")


def flavors(connection: Connection) -> list[Resource]:
    """What the cloud offers."""
    return [
        Resource(
            kind=ResourceKind.SERVER,
            flavor=each.name,
            vcpus=each.vcpus,
            ram_mib=each.ram_mib,
            disk_gib=each.disk_gib,
        )
        for each in offered_flavors(connection)
    ]


def machines(
    plan: Plan, source: Source, offered: Sequence[Resource], start: float, end: float
) -> list[MachineLoad]:
    """Every server of the stack, with its figures from start to end (unix seconds).

    Not those of a role that the stack file has no more, although visitors still come to them.
    """
    sizes = {each.flavor: each for each in offered}
    cpu, memory = (by_machine(source, name, start, end) for name in FIGURES)
    images = plan.resolved.choices.images
    found = []
    for key, server in plan.known.items():
        role, flavor = server.facts.get("role", ""), server.attributes.get("flavor", "")
        if key.kind != Server.name or role not in images or flavor not in sizes:
            continue
        image = images[role]
        found.append(
            MachineLoad(
                key.name,
                role,
                sizes[flavor],
                cpu.get(key.name, ()),
                memory.get(key.name, ()),
                root_gib=server.attributes.get("root_gib", 0),
                image_ram_mib=image.min_ram_mib,
                image_disk_gib=max(image.min_disk_gib, image.virtual_gib),
            )
        )
    return found


def by_machine(source: Source, chart: str, start: float, end: float) -> dict[str, Sequence[Point]]:
    """Machine to a figure of it, by the id of its chart."""
    series = source.series(BY_ID[chart], start, end, STEP_S)
    return {each.labels.get("machine", ""): each.points for each in series}


def of_stack(source: Source, chart: Chart, start: float, end: float) -> Sequence[Point]:
    """A figure of the whole stack; empty where it is not measured."""
    found = source.series(chart, start, end, STEP_S)
    return found[0].points if found else ()

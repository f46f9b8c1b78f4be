"""Fewer web servers in the hours in which few are needed."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from skytier.costs.advice.facts import HEADROOM, Advice, Advised, Facts, MachineLoad, p95, slower
from skytier.costs.money import exact_sum, rounded
from skytier.costs.price import price
from skytier.costs.usage import Resource, ResourceKind

SHORTEST_H = 4
"""To make servers anew for less is not worth it."""
HOURS = 24
_ADDRESS = Resource(kind=ResourceKind.FLOATING_IP)


def quiet_hours(facts: Facts, role: str = "web", zone: tzinfo = UTC) -> Advised:
    """The longest time of the day in which fewer servers of a role would do."""
    found, machines = Advised(), facts.roles().get(role, [])
    if facts.scheduled or len(machines) < 2 or not all(machine.cpu for machine in machines):
        return found
    busy = _busy_by_hour(machines, zone)
    if len(busy) < HOURS:
        return found
    each, count = machines[0].server.vcpus, len(machines)
    needed = {hour: max(1, math.ceil(HEADROOM * vcpus / each)) for hour, vcpus in busy.items()}
    hours = _longest([needed[hour] < count for hour in range(HOURS)])
    if len(hours) < SHORTEST_H:
        return found
    fewer = max(needed[hour] for hour in hours)
    load = max(busy[hour] for hour in hours)
    month = _month(facts, machines[0])
    saving = None if month is None else rounded(month * (count - fewer) * len(hours) / HOURS)
    begin, end = f"{hours[0]:02}:00", f"{(hours[-1] + 1) % HOURS:02}:00"
    before, after = load / (count * each), load / (fewer * each)
    reaches = f"CPU p95 {after:.0%} in those hours"
    p99 = [
        point.value for point in facts.p99_s if datetime.fromtimestamp(point.at, zone).hour in hours
    ]
    if p99:
        then = slower(p95(p99), before, after)
        reaches += f", p99 of requests {then * 1000:.0f} ms"
        if facts.objective_s is not None and then > facts.objective_s:
            found.refrained.append(
                f"{fewer} instead of {count} {role} servers from {begin} to {end} would save "
                f"{saving} a month, but 99 of 100 requests would take up to {then * 1000:.0f} ms, "
                f"and the objective is {facts.objective_s * 1000:.0f} ms."
            )
            return found
    found.advice.append(
        Advice(
            f"{fewer} instead of {count} {role} servers from {begin} to {end} ({zone})",
            saving,
            f"CPU p95 {before:.0%} in those hours over {facts.measured_h():.0f} h",
            reaches,
            f'schedule = [{{from = "{begin}", to = "{end}", count = {fewer}, timezone = "{zone}"}}]'
            f" in the section [{role}] of the stack file, and a timer for skytier up --yes at "
            f"{begin} and {end}: docs/how-to/scale.md",
        )
    )
    return found


def _month(facts: Facts, machine: MachineLoad) -> Decimal | None:
    """What a web server costs a month: its floating IP goes with it, if it has one."""
    addresses = [] if "balancer" in facts.roles() else [_ADDRESS]
    parts = [price(facts.rates, each).per_month for each in (machine.server, *addresses)]
    known = [each for each in parts if each is not None]
    return exact_sum(known) if parts[0] is not None else None


def _busy_by_hour(machines: Sequence[MachineLoad], zone: tzinfo) -> Mapping[int, float]:
    """Hour of the day to how many vCPUs all of them together keep busy, p95."""
    together: dict[float, float] = {}
    for machine in machines:
        for point in machine.cpu:
            vcpus = point.value / 100 * machine.server.vcpus
            together[point.at] = together.get(point.at, 0.0) + vcpus
    hours: dict[int, list[float]] = {}
    for at, vcpus in together.items():
        hours.setdefault(datetime.fromtimestamp(at, zone).hour, []).append(vcpus)
    return {hour: p95(values) for hour, values in hours.items()}


def _longest(quiet: Sequence[bool]) -> list[int]:
    """The longest run of quiet hours, over midnight too.

    >>> _longest([True] * 6 + [False] * 16 + [True] * 2)
    [22, 23, 0, 1, 2, 3, 4, 5]
    """
    if all(quiet):
        return list(range(len(quiet)))
    runs: list[list[int]] = [[]]
    for hour in range(2 * len(quiet)):
        if quiet[hour % len(quiet)]:
            runs[-1].append(hour % len(quiet))
        else:
            runs.append([])
    return max(runs, key=len)

"""A smaller flavor that would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from skytier.costs.advice.facts import HEADROOM, Advice, Advised, Facts, MachineLoad, p95, slower
from skytier.costs.price import price
from skytier.costs.usage import Resource


@dataclass(frozen=True)
class _Load:
    """What a role's busiest machine needed 95% of the time, in shares of what it has."""

    cpu: float
    memory: float

    def on(self, now: Resource, then: Resource) -> "_Load":
        """The same on another flavor."""
        return _Load(
            self.cpu * now.vcpus / max(then.vcpus, 1),
            self.memory * now.ram_mib / max(then.ram_mib, 1),
        )

    @property
    def fits(self) -> bool:
        """Whether there is room for 30% more."""
        return all(share * HEADROOM <= 1 for share in (self.cpu, self.memory))


def smaller_flavors(facts: Facts) -> Advised:
    """For each role the cheapest flavor that has room and breaks no objective."""
    found = Advised()
    for role, machines in facts.roles().items():
        if all(machine.cpu and machine.memory for machine in machines):
            _smaller(facts, role, machines, found)
    return found


def _smaller(facts: Facts, role: str, machines: Sequence[MachineLoad], found: Advised) -> None:
    first, load = machines[0], _load(machines)
    now = price(facts.rates, first.server).per_month
    if now is None:
        return
    cheaper = []
    for flavor in facts.flavors:
        then = price(facts.rates, flavor).per_month
        if then is not None and then < now and _all_hold(flavor, machines):
            cheaper.append((then, flavor.flavor, flavor))
    for then, name, flavor in sorted(cheaper, key=lambda each: each[:2]):
        saving = (now - then) * len(machines)
        reached = load.on(first.server, flavor)
        if not reached.fits:
            continue
        if broken := _broken(facts, role, load, reached):
            found.refrained.append(
                f"{_count(machines)} as {name} would save {saving} a month, but {broken}."
            )
            continue
        found.advice.append(_advice(facts, role, machines, load, name, saving, reached))
        return


def _load(machines: Sequence[MachineLoad]) -> _Load:
    def busiest(figure: str) -> float:
        series = [getattr(machine, figure) for machine in machines]
        return max(p95(point.value for point in points) for points in series) / 100

    return _Load(busiest("cpu"), busiest("memory"))


def _all_hold(flavor: Resource, machines: Sequence[MachineLoad]) -> bool:
    """Whether the images fit, and the disks: Nova makes none smaller. A machine that boots from a
    volume needs none of its flavor."""
    return all(
        flavor.ram_mib >= each.image_ram_mib
        and (each.root_gib or flavor.disk_gib >= max(each.server.disk_gib, each.image_disk_gib))
        for each in machines
    )


def _broken(facts: Facts, role: str, load: _Load, reached: _Load) -> str:
    """Which objective would be broken, in words; empty for none."""
    if facts.objective_s is None or not facts.p99_s:
        return ""
    now = p95(point.value for point in facts.p99_s)
    then = slower(now, min(load.cpu, 0.99), reached.cpu)
    if then <= facts.objective_s:
        return ""
    return (
        f"99 of 100 requests would take up to {then * 1000:.0f} ms (p95; now {now * 1000:.0f} ms), "
        f"and the objective is {facts.objective_s * 1000:.0f} ms"
    )


def _advice(
    facts: Facts,
    role: str,
    machines: Sequence[MachineLoad],
    load: _Load,
    name: str,
    saving: Decimal,
    reached: _Load,
) -> Advice:
    reaches = f"CPU p95 {reached.cpu:.0%}, memory p95 {reached.memory:.0%}"
    if facts.p99_s:
        p99 = slower(p95(p.value for p in facts.p99_s), min(load.cpu, 0.99), reached.cpu)
        reaches += f", p99 of requests {p99 * 1000:.0f} ms"
    return Advice(
        f"{_count(machines)}: {name} instead of {machines[0].server.flavor}",
        saving,
        f"CPU p95 {load.cpu:.0%}, memory p95 {load.memory:.0%} over {facts.measured_h():.0f} h",
        reaches,
        f'flavor = "{name}" in the section [{role}] of the stack file, then skytier up',
    )


def _count(machines: Sequence[MachineLoad]) -> str:
    role = machines[0].role
    return f"{len(machines)} {role} servers" if len(machines) > 1 else machines[0].name

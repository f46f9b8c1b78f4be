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
    disk: float | None

    def on(self, now: Resource, then: Resource) -> "_Load":
        """The same on another flavor."""
        disk = self.disk and self.disk * now.disk_gib / max(then.disk_gib, 1)
        return _Load(
            self.cpu * now.vcpus / max(then.vcpus, 1),
            self.memory * now.ram_mib / max(then.ram_mib, 1),
            disk,
        )

    @property
    def fits(self) -> bool:
        """Whether there is room for 30% more."""
        return all(share * HEADROOM <= 1 for share in (self.cpu, self.memory, self.disk or 0.0))


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
        if then is not None and then < now and _can_hold(flavor, first, load):
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

    measured = all(machine.disk for machine in machines)
    return _Load(busiest("cpu"), busiest("memory"), busiest("disk") if measured else None)


def _can_hold(flavor: Resource, machine: MachineLoad, load: _Load) -> bool:
    """Whether its image fits, and its disk: one that stands cannot be made smaller."""
    # A flavor without a disk of its own takes the image's size.
    small = flavor.disk_gib < machine.server.disk_gib
    if small and (machine.holds_data or load.disk is None):
        return False
    return flavor.ram_mib >= machine.image_ram_mib and flavor.disk_gib >= machine.image_disk_gib


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
        _do(role, machines, name),
    )


def _do(role: str, machines: Sequence[MachineLoad], name: str) -> str:
    change = f'flavor = "{name}" in the section [{role}] of the stack file'
    if not machines[0].holds_data:
        return f"{change}, then skytier up"
    # Made anew it would lose what it keeps, so it is resized, and told so.
    commands = "; ".join(
        f"openstack server resize --flavor {name} {machine.name}; "
        f"openstack server resize confirm {machine.name}; "
        f"openstack server set --property skytier:flavor={name} {machine.name}"
        for machine in machines
    )
    return f"{commands}; and {change}"


def _count(machines: Sequence[MachineLoad]) -> str:
    role = machines[0].role
    return f"{len(machines)} {role} servers" if len(machines) > 1 else machines[0].name

"""What a stack file's resources would cost, and how two bills differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from skytier.costs.flavors import Sized
from skytier.costs.meters import GB
from skytier.costs.money import exact_sum
from skytier.costs.price import Price, Total, price, total
from skytier.costs.rates import Rates, RatesBy
from skytier.costs.usage import Resource, ResourceKind
from skytier.roles.role import Role, public_role
from skytier.stackfile import StackFile, WebSection, schedule


@dataclass(frozen=True)
class Bill:
    """Resources with their prices."""

    rates: Rates
    resources: Sequence[Resource]
    notes: Sequence[str] = ()
    """What was taken for granted."""

    @cached_property
    def prices(self) -> Sequence[Price]:
        """One for each resource."""
        return [price(self.rates, resource) for resource in self.resources]

    @cached_property
    def total(self) -> Total:
        """The sum."""
        return total(self.rates, self.resources)

    @property
    def per_month(self) -> Decimal | None:
        """What the total says; None where nobody tells any rates."""
        return None if self.rates.by is RatesBy.NOBODY else self.total.per_month

    @property
    def unknown(self) -> Mapping[str, Sequence[str]]:
        """`the rates have no floating_ip_hour`, and the resources whose prices lack for it."""
        found: dict[str, list[str]] = {}
        for resource, priced in zip(self.resources, self.prices, strict=True):
            if priced.unknown:
                found.setdefault(priced.unknown, []).append(str(resource))
        return found

    def sentence(self, change: Decimal = Decimal(0)) -> str:
        """`142.70 USD a month (+12.40), by example rates, not those of your cloud.`"""
        if self.per_month is None:
            return "What it costs is not known: CloudKitty does not tell its rates."
        words = f" ({change:+})" if change else ""
        if self.total.unknown:
            words += f", and {self.total.unknown} without a known price"
        return (
            f"{self.total.per_month} {self.total.currency} a month{words}, {self.rates.by.words}."
        )


@dataclass(frozen=True)
class Difference:
    """From one bill to another in the same currency."""

    amount: Decimal
    """For each month."""
    currency: str
    words: Sequence[str]
    """`1 → 3 web servers`"""

    def __str__(self) -> str:
        why = f": {', '.join(self.words)}" if self.words else ""
        return f"{self.amount:+} {self.currency}/month{why}"


def difference(before: Bill, after: Bill) -> Difference:
    """What changes, and by how much."""
    amount = exact_sum([after.total.per_month, -before.total.per_month])
    words = []
    for name in dict.fromkeys(_group(r) for r in [*before.resources, *after.resources]):
        old, new = ([r for r in b.resources if _group(r) == name] for b in (before, after))
        if len(old) != len(new):
            words.append(f"{len(old)} → {len(new)} {name if len(new) == 1 else _many(name)}")
        flavors = [", ".join(dict.fromkeys(r.flavor for r in each)) for each in (old, new)]
        if all(flavors) and flavors[0] != flavors[1]:
            words.append(f"{name} {flavors[0]} → {flavors[1]}")
    return Difference(amount, after.rates.currency, words)


def _group(resource: Resource) -> str:
    return (
        f"{resource.role} {resource.kind}"
        if resource.kind is ResourceKind.SERVER
        else resource.kind
    )


def _many(name: str) -> str:
    return f"{name}es" if name.endswith("s") else f"{name}s"


RootGib = Callable[[str, int], int]
"""The role of a machine and its number there to the size, in GiB, of the volume that it boots from;
0 for none."""


def of_file(
    stack: StackFile,
    roles: Mapping[str, Role],
    flavors: Mapping[str, Sized],
    root_gib: RootGib | None = None,
) -> list[Resource]:
    """What a stack file asks for that costs money; `flavors` is role to the flavor that it has.

    Without `root_gib` a machine has the root volume that the stack file asks for, if any. Web
    servers that the schedule wants at some hours alone have that share of the week.
    """
    found = []
    for role, section in stack.machines().items():
        there = [Fraction(1)] * section.machines
        if isinstance(section, WebSection):
            there = schedule.shares(section.schedule, section.machines)
        for number, share in enumerate(there, 1):
            name = f"{stack.name}-{role}-{number}"
            flavor = section.flavor or stack.flavor
            found.append(replace(server(name, role, flavor, flavors[role], stack), share=share))
            entered = number == 1 or not stack.has_load_balancer
            if stack.has_floating_ips and role == public_role(stack, roles) and entered:
                found.append(replace(floating_ip(name, stack), share=share))
                if stack.shares_address and number == 1:
                    found.append(floating_ip(f"{stack.name}-{role}", stack))
            kind = stack.volume_type_of(role) or ""
            if size_gib := stack.volumes().get(role):
                found.append(volume(name, role, size_gib, stack, kind))
            asked = stack.root_gib_of(role) or 0
            if size_gib := root_gib(role, number) if root_gib else asked:
                root = volume(name, role, size_gib, stack, kind)
                found.append(replace(root, share=share))
    if stack.has_load_balancer:
        name = f"{stack.name}-load-balancer"
        found.append(load_balancer(name, stack))
        found += [floating_ip(name, stack)] if stack.has_floating_ips else []
    return found


def server(name: str, role: str, flavor: str, size: Sized, stack: StackFile) -> Resource:
    """A server of a stack; one without a known size has no known price either."""
    return Resource(
        kind=ResourceKind.SERVER,
        name=name,
        stack=stack.name,
        role=role,
        labels=stack.labels,
        flavor=flavor,
        vcpus=size.vcpus,
        ram_mib=size.ram_mib,
        disk_gib=size.disk_gib,
    )


def volume(name: str, role: str, size_gib: int, stack: StackFile, kind: str = "") -> Resource:
    """A volume of a stack. `kind` is its type; empty for the one that the cloud chooses."""
    return Resource(
        kind=ResourceKind.VOLUME,
        name=name,
        stack=stack.name,
        role=role,
        labels=stack.labels,
        size_gb=size_gib,
        volume_type=kind,
    )


def objects(name: str, size_bytes: int, stack: StackFile) -> Resource:
    """A container of a stack, with what is in it now."""
    return _stored(ResourceKind.OBJECTS, name, size_bytes, stack)


def image(name: str, size_bytes: int, stack: StackFile) -> Resource:
    """An image of a stack, as large as it is stored now."""
    return _stored(ResourceKind.IMAGE, name, size_bytes, stack)


def _stored(kind: ResourceKind, name: str, size_bytes: int, stack: StackFile) -> Resource:
    return Resource(
        kind=kind,
        name=name,
        stack=stack.name,
        labels=stack.labels,
        size_gb=Fraction(size_bytes, GB),
    )


def load_balancer(name: str, stack: StackFile) -> Resource:
    """A load balancer of the cloud's, in front of a stack."""
    kind = ResourceKind.LOAD_BALANCER
    return Resource(kind=kind, name=name, stack=stack.name, labels=stack.labels)


def floating_ip(name: str, stack: StackFile) -> Resource:
    """A floating IP of a stack."""
    return Resource(kind=ResourceKind.FLOATING_IP, name=name, stack=stack.name, labels=stack.labels)

"""Which shape a cloud has, and what the stack looks like on it."""

from collections.abc import Iterator

from skytier.doctor.check import Finding, ok, warning
from skytier.doctor.cloud import Subject
from skytier.openstack.choices import choices, picks, shape
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.shape import Shape
from skytier.openstack.entry_point import address_of
from skytier.stackfile.document import toml


def cloud(subject: Subject) -> Finding:
    """What the cloud has for disks and the network, and keys that the stack file lacks for it."""
    found = shape.look(subject.conn)
    flavors = choices.offered_flavors(subject.conn)
    said = "; ".join(_said(found, flavors))
    stack = subject.stack
    decided = stack.network or stack.public_network or stack.router
    if decided or (stack.public == "none" and found.may_have("routers")):
        return ok(said)
    here = picks.of_network(found)
    keys = {key: pick.value for key, pick in here.picked.items() if key != "external_network"}
    if keys:
        lines = ", ".join(f"{key} = {toml(value)}" for key, value in keys.items())
        return warning(f"{said}.", f"Set in the stack file: {lines}")
    left = [why for key, why in here.undecided.items() if key != "external_network"]
    return warning(f"{said}.", left[0]) if left else ok(said)


def _said(found: Shape, flavors: list[Flavor]) -> Iterator[str]:
    without = len([each for each in flavors if not each.disk_gib])
    if not without:
        yield "flavors with a disk"
    elif without == len(flavors):
        yield "no flavor has a disk"
    else:
        yield f"{without} of {len(flavors)} flavors have no disk"
    yield "root volumes" if found.volumes else "no volumes to boot from"
    names = ", ".join(each.name for each in found.external)
    yield f"floating IPs of {names}" if found.has_floating_ips else _no_floating_ips(names)
    nothing = [what for what in ("networks", "routers") if not found.may_have(what)]
    yield f"no {' and no '.join(nothing)} by quota" if nothing else "networks and routers"
    if found.networks:
        there = ", ".join(f"{each.name} ({each.subnet.cidr})" for each in found.networks)
        yield f"there already: {there}"
    if len(found.zones) > 1:
        yield f"zones {', '.join(found.zones)}"
    differ = found.zones and found.volume_zones and found.volume_zones != found.zones
    if differ or len(found.volume_zones) > 1:
        yield f"zones of volumes {', '.join(found.volume_zones)}"


def _no_floating_ips(names: str) -> str:
    return f"no floating IPs of {names}, by quota" if names else "no external network"


def stack(subject: Subject) -> Finding:
    """What the machines boot from, which network they are on, and where visitors come in."""
    roles = subject.stack.machines()
    machines = sum(section.machines for section in roles.values())
    word = f"{machines} machine{'s' if machines > 1 else ''}"
    on_volumes = [role for role in roles if subject.roots[role]]
    if not on_volumes:
        disks = "on the disks of their flavors"
    elif len(on_volumes) == len(roles):
        disks = "on root volumes"
    else:
        disks = f"of which {', '.join(on_volumes)} on root volumes"
    return ok(f"{word} {disks}, {_network(subject)}; visitors come to {_entry(subject)}")


def _network(subject: Subject) -> str:
    if subject.given:
        return f"in the network {subject.given.name}"
    router = subject.router
    if not router and not subject.stack.makes_router:
        return "in a private network without a router"
    return f"in a private network on {f'the router {router.name}' if router else 'its own router'}"


def _entry(subject: Subject) -> str:
    wanted, name = subject.stack, address_of(subject.stack).name
    if wanted.shares_address:
        name = f"{name}, which two balancers share"
    if wanted.has_load_balancer:
        name = f"{name}, which the cloud has"
    if wanted.has_floating_ips:
        own = f"{wanted.floating_ip}, your own" if wanted.floating_ip else "a floating IP"
        return f"{own}, of {name}"
    if wanted.has_public_ports:
        return f"the address of a second port of {name}, on {wanted.public_network}"
    kind = "public" if wanted.public == "fixed" else "private"
    return f"the {kind} address of {name}"

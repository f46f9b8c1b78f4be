"""Which images a stack bakes, which stay since servers need them, and what boots from them."""

import hashlib
from collections.abc import Sequence

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.plan import private_network
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.baked_image import ACTIVE, NONE, BakedImage
from skytier.openstack.resources.project import Project

_DONE = {"status": ACTIVE, "builder": NONE}


def key(resolved: ResolvedStack, role: str) -> Key:
    """The image of a role. Its name ends with a hash of all that it is made of.

    Raises SkytierError where the servers boot from volumes: Nova would keep a volume, and not an
    image. And where nobody can tell which subnet Nova gives the builder an address of.
    """
    choices, flavor = resolved.choices, resolved.choices.flavors[role]
    if not flavor.disk_gib:
        raise SkytierError(
            f"No image can be baked with the flavor {flavor.name}: it has no disk.",
            f"Name another in the stack file ({role}.flavor), or leave {role}.image_baked out.",
        )
    if choices.roots.get(role):
        raise SkytierError(
            f"No image can be baked for the {role} servers, since they boot from volumes.",
            f"Leave {role}.image_baked or root_gib out of the stack file.",
        )
    if choices.given and choices.given.subnets > 1:
        raise SkytierError(
            f"No image can be baked on the network {choices.given.name}: it has several subnets, "
            "and Nova would choose one of them.",
            f"Leave {role}.image_baked out of the stack file, or name a network with one subnet.",
        )
    # Nova lets no flavor with a smaller disk boot it.
    parts = [choices.images[role].id, str(flavor.disk_gib), resolved.bake_data(role)]
    made_of = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    return Key(BakedImage.name, f"{resolved.stack.name}-{role}-{made_of}")


def wanted(resolved: ResolvedStack, project: Project, known: Known) -> list[Wanted]:
    """The images of today, and former ones for as long as a server was made from them."""
    current = {key(resolved, role): role for role in resolved.stack.baked()}
    group = resolved.key("security group", BakedImage.name)
    nobody_gets_in = Wanted(group, {"rules": [], "tags": project.tags})
    return [
        *([nobody_gets_in] if current else []),
        *(_baked(resolved, each, role, group) for each, role in current.items()),
        *(Wanted(e.key, _DONE) for e in _needed(known) if e.key not in current),
    ]


def image_id(resolved: ResolvedStack, role: str, known: Known) -> str:
    """What a new server of a role boots: the baked image if it is there, else the plain one.

    It does not wait for one that is being baked: to install the packages takes no longer.
    """
    baked = known.get(key(resolved, role)) if role in resolved.stack.baked() else None
    if baked and not baked.fault and baked.attributes["status"] == ACTIVE:
        return baked.id
    return resolved.choices.images[role].id


def steps(steps: Sequence[Step]) -> list[Step]:
    """The steps of a plan that bake: what an image needs first, and former images that go."""
    by_key = {step.key: step for step in steps}
    needed = [each for each in by_key if each.kind == BakedImage.name]
    for each in needed:  # grows meanwhile
        step = by_key[each]
        more = step.needs if step.action is not Action.DELETE else ()
        needed += [need for need in more if need in by_key and need not in needed]
    return [step for step in steps if step.key in needed]


def _baked(resolved: ResolvedStack, image: Key, role: str, group: Key) -> Wanted:
    choices, given = resolved.choices, resolved.choices.given
    own = [] if given else [resolved.key(kind) for kind in ("network", "subnet")]
    return Wanted(
        image,
        _DONE,
        {
            "image_id": choices.images[role].id,
            "flavor_id": choices.flavors[role].id,
            "flavor": choices.flavors[role].name,
            "network": _with_way_out(resolved),
            "group": group,
            "user_data": resolved.bake_data(role),
            "role": role,
            "zone": resolved.stack.zone_of(role, 1),
        },
        # Without a way out it finds no packages.
        needs=[*own, *private_network.way_out(resolved), group],
    )


def _with_way_out(resolved: ResolvedStack) -> Key | str:
    """The network that the builder finds packages from."""
    if given := resolved.choices.given:
        return given.id
    if resolved.choices.public and not private_network.way_out(resolved):
        return resolved.choices.public.id
    return resolved.key("network")


def _needed(known: Known) -> list[Found]:
    """The images that servers were made from: Nova may need them to move or rebuild one."""
    used = {each.facts.get("image_id") for each in known.values() if each.key.kind == "server"}
    return [
        each
        for each in known.values()
        if each.key.kind == BakedImage.name and each.id in used and not each.fault
    ]

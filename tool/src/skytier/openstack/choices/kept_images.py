"""The images that servers keep, and whether the cloud has a newer one for them."""

from collections.abc import Mapping, Sequence

from skytier.deploy.kind import Found
from skytier.errors import SkytierError
from skytier.openstack.choices import images, systems
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.choices.systems import Described
from skytier.stackfile import StackFile


def names(servers: Sequence[Found], role: str) -> list[str]:
    """What the images are called that a role's servers were made of, the first server's first."""
    own = [each for each in servers if each.facts.get("role") == role]
    ordered = sorted(own, key=lambda each: int(each.facts.get("number", 0)))
    return [name for each in ordered if (name := each.attributes["image"])]


def newer(offers: Sequence[Offer], stack: StackFile, servers: Sequence[Found]) -> dict[str, Image]:
    """Role to the image that the rule would take now, where its version is newer than the servers'.

    Another build of the same version is not newer. Roles whose image is named are left out.
    """
    kept = {
        role: has
        for role in stack.machines()
        if stack.image_of(role) is None and (has := names(servers, role))
    }
    try:
        image, _ = images.by_rule(offers, "image")
    except SkytierError:
        return {}
    known = {offer.image.name: offer.system for offer in offers}
    distribution, version = known[image.name]

    def is_older(name: str) -> bool:
        # The cloud may not have it any more.
        system, had = known.get(name) or systems.system_of(Described(name))
        return system == distribution and () < had < version

    return {role: image for role, has in kept.items() if any(map(is_older, has))}


def news(newer: Mapping[str, Image], servers: Sequence[Found], bound: Sequence[str]) -> list[str]:
    """What `newer` found, in sentences. `bound` are roles whose servers cannot be replaced."""
    if not newer:
        return []
    image = next(iter(newer.values())).name
    kept = dict.fromkeys(name for role in newer for name in names(servers, role))
    said = [f"The cloud has a newer image, {image}. The servers keep theirs: {', '.join(kept)}."]
    if free := [role for role in newer if role not in bound]:
        keys = ["image"] if len(free) == len(newer) else [f"{role}.image" for role in free]
        lines = " and ".join(f'{key} = "{image}"' for key in keys)
        said.append(f"To take it, set {lines} in the stack file: then skytier up replaces them.")
    said += [
        f"The {role} server cannot take it as long as its data is on its own disk: first set "
        f"{role}.volume_gib and run skytier up."
        for role in newer
        if role in bound
    ]
    return said

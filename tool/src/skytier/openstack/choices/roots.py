"""Which servers boot from a volume, and how large it is. Pure."""

from collections.abc import Mapping

from skytier.deploy.kind import Found
from skytier.errors import SkytierError
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.stackfile import StackFile

USUAL_GIB = 20
"""The disk of m1.small."""


def choose(
    stack: StackFile, flavors: Mapping[str, Flavor], images: Mapping[str, Image]
) -> dict[str, int]:
    """Role to the size, in GiB, of the volume that a new server boots from; 0 for none.

    Raises SkytierError for one that is too small for its image.
    """
    chosen = {}
    for role in stack.machines():
        asked = stack.root_gib_of(role)
        least = max(images[role].min_disk_gib, images[role].virtual_gib)
        if asked and asked < least:
            key = f"{role}.root_gib" if stack.machines()[role].root_gib else "root_gib"
            raise SkytierError(
                f"The image {images[role].name} needs a disk of {least} GiB, and {key} is {asked}.",
                f"Set {key} to {least} or more.",
            )
        by_itself = 0 if flavors[role].disk_gib else max(USUAL_GIB, least)
        chosen[role] = asked or by_itself
    return chosen


def of_server(
    stack: StackFile, role: str, chosen: int, there: Found | None, *, keeps: bool = False
) -> int:
    """The size, in GiB, of the volume of one server; 0 for none. `chosen` is that of a new one.

    A server that is there keeps what it boots from, unless the stack file asks for a volume. So
    does one in ERROR that `keeps` its data, since it is mended.
    """
    replaced = there is None or (there.fault and not (there.mend and keeps))
    if there is None or replaced or stack.root_gib_of(role):
        return chosen
    return int(there.attributes["root_gib"])


def refuse_without_cinder(stack: StackFile, role: str, flavor: Flavor) -> SkytierError:
    """The error where a server has to boot from a volume, and the cloud has no Cinder."""
    if stack.root_gib_of(role):
        return SkytierError(
            f"The {role} server is to boot from a volume (root_gib), and the cloud has no volume "
            "service (Cinder).",
            "Leave root_gib out of the stack file to boot from the server's own disk.",
        )
    return SkytierError(
        f"The flavor {flavor.name} of the {role} server has no disk of its own, so the server has "
        "to boot from a volume, and the cloud has no volume service (Cinder).",
        "Name a flavor with a disk in the stack file: flavor.",
    )

"""Whether the cloud can make what a plan makes: a server that serves is deleted before the new one
is made, so what the cloud would refuse is refused first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openstack.connection import Connection

from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.listing import nearest_first
from skytier.openstack.choices import shape
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.resources.baked_image import BakedImage
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.server import Server, refuse_smaller_disk
from skytier.openstack.resources.volume import Volume
from skytier.stackfile import StackFile


@dataclass(frozen=True)
class New:
    """What is to be made, as far as a stack file can ask for what there is not."""

    roots: Mapping[str, int]
    """The roles of new servers to the size, in GiB, of the volume that they boot from; 0 for
    none."""
    zones: Mapping[tuple[str, str], str]
    """The names of new machines, and their roles, to the zones of Nova that are named for them."""
    volume_zones: Mapping[tuple[str, str], str]
    """The names of machines with new volumes, and their roles, to the zones of Cinder that are
    named for them."""
    types: Mapping[tuple[str, str], str]
    """The names of machines with new volumes, and their roles, to the volume types that are named
    for them."""


def of_stack(stack: StackFile, roots: Mapping[str, int]) -> New:
    """All machines of a stack file, as if none were there. `roots` is as `roots.choose` makes it,
    and may lack roles."""
    places = [
        (f"{stack.name}-{role}-{number}", role, number)
        for role, section in stack.machines().items()
        for number in range(1, section.machines + 1)
    ]
    with_volumes = [each for each in places if roots.get(each[1]) or each[1] in stack.volumes()]
    return New(
        roots,
        {(name, role): zone for name, role, n in places if (zone := stack.zone_of(role, n))},
        {
            (name, role): zone
            for name, role, number in with_volumes
            if (zone := stack.volume_zone_of(role, number))
        },
        {
            (name, role): kind
            for name, role, _ in with_volumes
            if (kind := stack.volume_type_of(role))
        },
    )


def of_steps(steps: Sequence[Step]) -> New:
    """What the steps of a plan make."""
    made = [
        (step.key, step.wanted)
        for step in steps
        if step.wanted and step.action in (Action.CREATE, Action.REPLACE)
    ]

    def named(what: str, *kinds: str) -> dict[tuple[str, str], str]:
        return {
            (key.name, wanted.creation["role"]): value
            for key, wanted in made
            if key.kind in kinds and (value := wanted.creation.get(what))
        }

    return New(
        {w.creation["role"]: w.attributes["root_gib"] for k, w in made if k.kind == Server.name},
        named("zone", Server.name, BakedImage.name),
        named("zone", Volume.name, RootVolume.name),
        named("type", Volume.name, RootVolume.name),
    )


def check(
    conn: Connection,
    new: New,
    stack: StackFile,
    images: Mapping[str, Image],
    flavors: Mapping[str, Flavor],
) -> None:
    """Raises SkytierError for an image that does not fit its flavor, and for a zone or a volume
    type that there is not. `images` and `flavors` are by role.

    A list of the API for zones of Nova, one for those of Cinder and one for types, if any are
    named. A list that the cloud does not show says nothing.
    """
    check_images(new, stack, images, flavors)
    if new.zones:
        check_zones(new.zones, shape.zones(conn), stack)
    if new.volume_zones:
        check_volume_zones(new.volume_zones, shape.volume_zones(conn), stack)
    if new.types:
        check_types(new.types, shape.volume_types(conn), stack)


def check_images(
    new: New, stack: StackFile, images: Mapping[str, Image], flavors: Mapping[str, Flavor]
) -> None:
    """Raises SkytierError for an image that needs more than its flavor has. Pure."""
    for role, root_gib in new.roots.items():
        image, flavor = images[role], flavors[role]
        key = _key(stack, role, "flavor")
        do = f"Name a larger flavor in the stack file: {key}. Or another image"
        disk_gib = max(image.min_disk_gib, image.virtual_gib)
        # One of 0 is as large as the image, or has a root volume.
        if not root_gib and 0 < flavor.disk_gib < disk_gib:
            raise SkytierError(
                f"The image {image.name} needs a disk of {disk_gib} GiB, and {flavor} is too "
                "small.",
                f"{do}, or a volume to boot from: root_gib.",
            )
        if flavor.ram_mib < image.min_ram_mib:
            raise SkytierError(
                f"The image {image.name} needs {image.min_ram_mib} MiB of RAM, and {flavor} is too "
                "small.",
                f"{do}: {stack.image_key(role)}.",
            )


def check_zones(
    named: Mapping[tuple[str, str], str], there: Sequence[str], stack: StackFile
) -> None:
    """Raises SkytierError for a zone that there is not. `named` is as New has it, and `there` are
    the zones that can be used; empty where the cloud does not tell. Pure."""
    for (machine, role), zone in named.items():
        # Administrators may name a host as well: `nova:host`.
        if there and zone.partition(":")[0] not in there:
            raise SkytierError(
                f"Nova has no availability zone {zone!r} that can be used, and {machine} is to be "
                f"made there. It has {nearest_first(zone, there)}.",
                f"Name one of them in the stack file: {_key(stack, role, 'availability_zone')}.",
            )


def check_volume_zones(
    named: Mapping[tuple[str, str], str], there: Sequence[str], stack: StackFile
) -> None:
    """The same for the zones of volumes. Pure."""
    for (machine, role), zone in named.items():
        if there and zone not in there:
            raise SkytierError(
                f"Cinder has no availability zone {zone!r} that can be used, and a volume of "
                f"{machine} is to be made there. It has {nearest_first(zone, there)}.",
                f"Name one of them in the stack file: {_key(stack, role, 'volume_zone')}. Or leave "
                "it out: the cloud chooses.",
            )


def check_types(
    named: Mapping[tuple[str, str], str], there: Mapping[str, str], stack: StackFile
) -> None:
    """Raises SkytierError for a volume type that there is not. `named` is as New has it, and
    `there` are the ids of the types to their names; empty where the cloud does not tell. Pure."""
    for (machine, role), kind in named.items():
        if there and kind not in there and kind not in there.values():
            raise SkytierError(
                f"Cinder has no volume type {kind!r} for this project, and {machine} is to get a "
                f"volume of it. It has {nearest_first(kind, list(there.values()))}.",
                f"Name one of them in the stack file: {_key(stack, role, 'volume_type')}. Or leave "
                "it out: the cloud chooses.",
            )


def check_resizes(steps: Sequence[Step]) -> None:
    """Raises SkytierError for a server that is to be resized to a flavor with a smaller disk than
    the one that it boots from. Pure."""
    for step in steps:
        if step.key.kind != Server.name or step.action is not Action.CHANGE or step.by_hand:
            continue
        found, wanted = step.found, step.wanted
        if not found or not wanted or found.attributes["root_gib"]:
            continue
        if found.attributes["flavor"] != wanted.attributes["flavor"]:
            refuse_smaller_disk(wanted, found.facts.get("disk_gib", 0))


def _key(stack: StackFile, role: str, name: str) -> str:
    """The key that says something for a role: its own where it has one, else the stack's."""
    return f"{role}.{name}" if getattr(stack.machines()[role], name) is not None else name

"""Which image a machine is made from: the newest active one of a name, or a rule for no name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from skytier.errors import SkytierError
from skytier.listing import nearest_first
from skytier.openstack.choices import systems
from skytier.openstack.choices.systems import Described
from skytier.release.platform import System


@dataclass(frozen=True)
class Image:
    """An image of Glance, as a plan needs it."""

    id: str
    name: str
    created: str
    """ISO 8601, in UTC: `2026-04-21T10:00:00Z`."""
    min_disk_gib: int = 0
    min_ram_mib: int = 0
    virtual_gib: int = 0
    """The size of the disk in it, rounded up, where Glance knows it."""


@dataclass(frozen=True)
class Offer:
    """An image as the cloud offers it, with what the choice goes by."""

    image: Image
    status: str = "active"
    distribution: str = ""
    """Glance's property `os_distro`, where it is set."""
    version: str = ""
    """Glance's property `os_version`."""
    architecture: str = ""
    hidden: bool = False
    snapshot: bool = False
    """Made from a server: it has that server's data and users."""

    purpose: str = ""
    """Glance's property `os_purpose`."""

    system: System = field(init=False)
    """Such as `("ubuntu", (24, 4))`; the version is empty where it cannot be told."""
    rank: int = field(init=False)
    """The higher one is taken of two of one version."""
    plain: bool = field(init=False)
    """Whether it is nothing but a system for an ordinary machine."""

    def __post_init__(self) -> None:
        said = Described(
            self.image.name, self.distribution, self.version, self.purpose, self.architecture
        )
        usable = self.status == "active" and not self.hidden and not self.snapshot
        object.__setattr__(self, "system", systems.system_of(said))
        object.__setattr__(self, "rank", systems.rank(said))
        object.__setattr__(self, "plain", usable and systems.is_plain(said))

    @property
    def _lts(self) -> bool:
        distribution, version = self.system
        return distribution == "ubuntu" and version[1:] == (4,) and version[0] % 2 == 0


def by_rule(offers: Sequence[Offer], key: str) -> tuple[Image, str]:
    """The newest plain Ubuntu LTS, else Debian, and why it was taken.

    Raises SkytierError with what there is, and with the key that names one.
    """
    plain = [offer for offer in offers if offer.plain and offer.system[1]]
    for among, why in (
        ([o for o in plain if o._lts], "the newest Ubuntu LTS of the cloud"),
        (
            [o for o in plain if o.system[0] == "debian"],
            "the newest Debian; there is no Ubuntu LTS",
        ),
    ):
        if among:
            return max(among, key=lambda o: (o.system[1], o.rank, o.image.created)).image, why
    names = {o.image.name for o in offers if o.status == "active" and not o.hidden}
    raise SkytierError(
        "The cloud has no image that is plainly an Ubuntu LTS or Debian. "
        f"It has {nearest_first('ubuntu-24.04', names)}.",
        f'Name one in the stack file: {key} = "..."',
    )


def by_name(offers: Sequence[Offer], wanted: str, key: str) -> Image:
    """The newest active image of a name, or the one of an id.

    Raises SkytierError when there is none, or none that is active.
    """
    named = [offer for offer in offers if wanted in (offer.image.name, offer.image.id)]
    if active := [offer.image for offer in named if offer.status == "active"]:
        return max(active, key=lambda image: image.created)
    if named:
        raise SkytierError(
            f"The image {wanted!r} ({named[0].image.id}) is {named[0].status}, not active.",
            f"Wait until it is, or name another in the stack file: {key}",
        )
    names = {offer.image.name for offer in offers if not offer.hidden}
    raise SkytierError(
        f"The cloud has no image {wanted!r}. It has {nearest_first(wanted, names)}.",
        f'Name one in the stack file: {key} = "..."',
    )

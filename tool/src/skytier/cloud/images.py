"""Which image a machine is made from: the newest active one of a name, or a rule for no name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from skytier.cloud.listing import nearest_first
from skytier.errors import SkytierError

_CODENAMES = {
    "focal": (20, 4), "jammy": (22, 4), "noble": (24, 4), "resolute": (26, 4),
    "bullseye": (11,), "bookworm": (12,), "trixie": (13,), "forky": (14,),
}  # fmt: skip
# Words that say nothing but which system it is. An image with other words in its name may be
# made for something special (a GPU, Kubernetes): such a one is taken when it is asked for only.
_PLAIN = re.compile(
    r"ubuntu|debian|gnu|linux|server|cloud|cloudimg|cloudimage|generic|genericcloud|standard|"
    r"official|image|img|qcow2|raw|latest|current|lts|amd64|x86|64|64bit|bit|v?\d+|"
    + "|".join(_CODENAMES)
)
_X86 = {"", "x86_64", "amd64"}


@dataclass(frozen=True)
class Image:
    """An image of Glance, as a plan needs it."""

    id: str
    name: str
    created: str
    """ISO 8601, in UTC: `2026-04-21T10:00:00Z`."""
    min_disk_gib: int = 0
    min_ram_mib: int = 0


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

    system: tuple[str, tuple[int, ...]] = field(init=False)
    """Such as `("ubuntu", (24, 4))`; the version is empty where it cannot be told."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "system", self._system())

    @property
    def plain(self) -> bool:
        """Whether it is nothing but a system for an ordinary machine."""
        words = re.findall("[a-z0-9]+", self.image.name.lower())
        return (
            self.status == "active"
            and not self.hidden
            and not self.snapshot
            and self.architecture.lower() in _X86
            and all(_PLAIN.fullmatch(word) for word in words)
        )

    def _system(self) -> tuple[str, tuple[int, ...]]:
        said = f"{self.distribution} {self.version} {self.image.name}".lower()
        code = next((v for c, v in _CODENAMES.items() if re.search(rf"\b{c}\b", said)), ())
        if "ubuntu" in said:
            found = re.search(r"\b(\d\d)[.-]?(04|10)\b", said)
            return "ubuntu", (int(found[1]), int(found[2])) if found else code
        if "debian" in said:
            found = re.search(r"\b(?:debian\D{0,10}?)?(\d\d)\b", said)
            return "debian", (int(found[1]),) if found else code
        return "", ()

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
            return max(among, key=lambda o: (o.system[1], o.image.created)).image, why
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

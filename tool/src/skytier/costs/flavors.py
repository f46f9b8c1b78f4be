"""How large flavors are, when no cloud is asked."""

from typing import Protocol

from skytier.costs.rates import FlavorSize, Rates
from skytier.errors import SkytierError
from skytier.listing import nearest_first

ASSUMED = {
    "m1.tiny": FlavorSize(vcpus=1, ram_mib=512, disk_gib=1),
    "m1.small": FlavorSize(vcpus=2, ram_mib=4096, disk_gib=20),
    "m1.medium": FlavorSize(vcpus=2, ram_mib=4096, disk_gib=40),
    "m1.large": FlavorSize(vcpus=4, ram_mib=8192, disk_gib=80),
    "m1.xlarge": FlavorSize(vcpus=8, ram_mib=16384, disk_gib=160),
}
"""m1.small as in docs/architecture.md; the others as OpenStack itself had them for years. A cloud
may use these names for other sizes."""


class Sized(Protocol):
    """What of a flavor its price goes by: a cloud's flavor, or a rates file's."""

    @property
    def vcpus(self) -> int:
        """Virtual processors."""

    @property
    def ram_mib(self) -> int:
        """Memory."""

    @property
    def disk_gib(self) -> int:
        """Its own disk."""


def size(rates: Rates, flavor: str) -> FlavorSize:
    """The size by the rates file, else the assumed one. Raises SkytierError when there is neither.

    >>> from skytier.costs.rates import EXAMPLE
    >>> size(EXAMPLE, "m1.small").ram_mib
    4096
    """
    known = {**ASSUMED, **rates.flavors}
    if flavor in known:
        return known[flavor]
    if flavor in rates.flavor_hour:
        return FlavorSize()  # its price does not go by what it is made of
    raise SkytierError(
        f"The size of the flavor {flavor!r} is not known without a cloud. Known are "
        f"{nearest_first(flavor, known)}.",
        f'Add it to the rates file, [flavors."{flavor}"] with vcpus, ram_mib and disk_gib, or name '
        "a cloud: --cloud NAME.",
    )


def assumed(rates: Rates, flavor: str) -> str:
    """A note on a size that was assumed; empty when a rates file gives the size or the price."""
    if flavor in rates.flavors or flavor in rates.flavor_hour or flavor not in ASSUMED:
        return ""
    taken = ASSUMED[flavor]
    size = f"{taken.vcpus} vCPU, {taken.ram_mib} MiB and {taken.disk_gib} GB"
    return f"No cloud was asked: {flavor} is assumed to have {size}."

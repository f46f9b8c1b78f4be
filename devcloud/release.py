"""The releases of OpenStack, of Debian's packages, that the devcloud runs, and how they differ."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Release:
    """One release of OpenStack."""

    openstack: str
    debian: str
    """The version of Debian that has it."""
    mechanism: str
    """Neutron's mechanism driver, by which ports are bound."""
    fake_driver: str
    """Nova's driver of the fake host. Of the newer ones only this one starts a second time."""
    address: str
    """Where all services listen."""
    public: str
    gateway: str
    """The external network, and this machine's address in it."""
    has_guests: bool
    """Whether guests boot. Else there is a fake host alone, and no agent of Neutron's."""


ZED = Release(
    openstack="Zed",
    debian="12",
    mechanism="linuxbridge",
    fake_driver="fake.FakeDriver",
    address="127.0.0.1",
    public="172.24.4.0/24",
    gateway="172.24.4.1",
    has_guests=True,
)
# It runs beside the first one (second.py), so it has other addresses. Its packages have no driver
# for Linux bridges any more, and the kernel may have no Open vSwitch.
EPOXY = Release(
    openstack="2025.1",
    debian="13",
    mechanism="openvswitch",
    fake_driver="fake.FakeDriverWithoutFakeNodes",
    address="172.24.5.2",
    public="172.24.5.0/24",
    gateway="172.24.5.1",
    has_guests=False,
)


def of(os_release: str) -> Release:
    """The release that a system has, by its file os-release; Zed where it has none of them.

    >>> of('ID=debian\\nVERSION_ID="13"\\n').openstack
    '2025.1'
    >>> of('ID=ubuntu\\nVERSION_ID="13"\\n').openstack
    'Zed'
    """
    found = read(os_release)
    system = (found.get("ID"), found.get("VERSION_ID"))
    return EPOXY if system == ("debian", EPOXY.debian) else ZED


def read(os_release: str) -> dict[str, str]:
    """The variables of the file."""
    return dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))


def here() -> str:
    """The file of this system; "" where there is none."""
    path = Path("/etc/os-release")
    return path.read_text() if path.exists() else ""


HERE = of(here())

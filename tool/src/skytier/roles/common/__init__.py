"""What all kinds of machine share: the first boot, SSH, the log, and updates."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from skytier.roles.render import render
from skytier.roles.role import Check, File

USER_DATA_LIMIT = 65_535
"""Nova's, in bytes after base64."""
ACCOUNT = "skytier-operator"
"""Who the operator is on a machine: the account that gets the key pair, and sudo."""
INSTALL = "/usr/local/lib/skytier/install-packages"
SECRETS = "/etc/skytier/secrets"
PACKAGES = ("unattended-upgrades",)
"""What every machine needs."""


@dataclass(frozen=True)
class Packages:
    """The packages of a role, as the distribution names them."""

    names: Sequence[str]
    postgresql: bool = False
    """Whether PostgreSQL is one of them, which Ubuntu 20.04 has only in a version too old."""


def encoded_size(user_data: str) -> int:
    """Its size in bytes as Nova counts it, to compare with USER_DATA_LIMIT.

    >>> encoded_size("#cloud-config")
    20
    """
    return len(base64.b64encode(user_data.encode()))


def user_data(role: str, packages: Packages) -> str:
    """cloud-config that makes SSH safe and installs the packages, if they are not there."""
    return render(
        "common",
        "user-data.yaml",
        role=role,
        account=ACCOUNT,
        install=INSTALL,
        install_text=_install(packages),
        apt_text=render("common", "apt.conf", periodic=False),
    )


def files(packages: Packages) -> list[File]:
    """The files that a machine of every kind has."""
    texts = {
        INSTALL: (_install(packages), 0o755),
        "/etc/apt/apt.conf.d/90skytier": (render("common", "apt.conf", periodic=True), 0o644),
        "/etc/ssh/sshd_config.d/10-skytier.conf": (render("common", "sshd.conf"), 0o644),
        "/etc/systemd/journald.conf.d/skytier.conf": (render("common", "journald.conf"), 0o644),
        "/etc/sysctl.d/60-skytier.conf": (render("common", "sysctl.conf"), 0o644),
    }
    return [File(path, text, mode) for path, (text, mode) in texts.items()]


def check(
    role: str, name: str, values: Mapping[str, object], *, needs_release: bool = False
) -> Check:
    """The check of a role whose script is the template `check-NAME.sh`."""
    script = render(role, f"check-{name}.sh", **values)
    return Check(name, script, needs_release=needs_release)


def checks(packages: Packages) -> list[Check]:
    """The checks of a machine of every kind."""
    return [
        check("common", "packages", asdict(packages)),
        check("common", "ssh", {}),
    ]


def _install(packages: Packages) -> str:
    return render("common", "install-packages.sh", **asdict(packages))

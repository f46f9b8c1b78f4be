"""What all kinds of machine share: the first boot, SSH, the log, and updates."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from skytier.roles import exporters
from skytier.roles.render import render
from skytier.roles.role import Check, File, Machine, Setup, Topology

USER_DATA_LIMIT = 65_535
"""Nova's, in bytes after base64."""
ACCOUNT = "skytier-operator"
"""Who the operator is on a machine: the account that gets the key pair, and sudo."""
INSTALL = "/usr/local/lib/skytier/install-packages"
SECRETS = "/etc/skytier/secrets"
UNITS = "/etc/systemd/system"
POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Packages:
    """The packages of a machine, as the distribution names them."""

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


def packages(topology: Topology, names: Sequence[str]) -> Packages:
    """Those that every machine needs, and those of these names."""
    every = ("unattended-upgrades", *exporters.packages(topology, exporters.NODE))
    wanted = dict.fromkeys([*every, *names])
    return Packages([name for name in wanted if name != POSTGRESQL], POSTGRESQL in wanted)


def setup(topology: Topology, machine: Machine, packages: Packages, files: Sequence[File]) -> Setup:
    """What a machine of every kind has. It comes first; `files` are what the others bring."""
    node = exporters.setup(topology, machine, exporters.NODE)
    brought = [file.path for file in (*node.files, *files)]
    units = [path for path in brought if path.startswith(UNITS)]
    own = Setup(
        files=_files(packages),
        script=render("common", "setup-begin.sh", units=units),
        checks=[check("common", "packages", asdict(packages)), check("common", "ssh", {})],
    )
    return own + node


def _files(packages: Packages) -> list[File]:
    texts = {
        INSTALL: (_install(packages), 0o755),
        "/etc/apt/apt.conf.d/90skytier": (render("common", "apt.conf", periodic=True), 0o644),
        "/etc/ssh/sshd_config.d/10-skytier.conf": (render("common", "sshd.conf"), 0o644),
        "/etc/systemd/journald.conf.d/skytier.conf": (render("common", "journald.conf"), 0o644),
        "/etc/sysctl.d/60-skytier.conf": (render("common", "sysctl.conf"), 0o644),
    }
    return [File(path, text, mode) for path, (text, mode) in texts.items()]


def check(
    role: str,
    name: str,
    values: Mapping[str, object],
    *,
    needs_release: bool = False,
    outside: bool = False,
) -> Check:
    """The check of a role whose script is the template `check-NAME.sh`."""
    script = render(role, f"check-{name}.sh", **values)
    return Check(name, script, needs_release, outside)


def _install(packages: Packages) -> str:
    return render("common", "install-packages.sh", **asdict(packages))

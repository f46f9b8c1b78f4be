"""The system itself, on every machine."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from skytier.hosts.ssh_config import ACCOUNT
from skytier.render import render
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure

PACKAGE = "skytier.services.system"
USER_DATA_LIMIT = 65_535
"""Nova's, in bytes after base64."""
INSTALL = "/usr/local/lib/skytier/install-packages"
BAKED, BEGIN, END = "SKYTIER BAKED", "SKYTIER BAKE FAILED", "SKYTIER BAKE ENDED"
"""What the machine that an image is made from says on its console: all is done; what went wrong is
between the other two."""
POSTGRESQL, PYTHON = "postgresql", "python3"
PGDG = "/etc/skytier/pgdg.asc"
"""The key of the PostgreSQL project's packages."""
SSH = 22
_LOGROTATE = "/etc/skytier/logrotate.conf"
_LOGS = [_LOGROTATE, *(f"{UNITS}/logrotate.{each}.d/skytier.conf" for each in ("service", "timer"))]
"""What rotates log files, and when."""


@dataclass(frozen=True)
class Packages:
    """The packages of a machine, as the distribution names them."""

    names: Sequence[str]
    postgresql: bool = False
    """Whether PostgreSQL is one of them, which Ubuntu 20.04 has only in a version too old."""
    version: int | None = None
    """The major version that it has to be; None for that of the distribution."""
    python: bool = False
    """Whether Python is one of them. Where it is too old, what brings a newer one has a package."""

    @classmethod
    def of(cls, names: Sequence[str], version: int | None = None) -> "Packages":
        """Those of these names, each once; `version` is PostgreSQL's."""
        wanted = dict.fromkeys(names)
        others = [name for name in wanted if name != POSTGRESQL]
        has_it = POSTGRESQL in wanted
        return cls(others, has_it, version if has_it else None, PYTHON in wanted)


class System(Service):
    """Updates, SSH and the journal. Its part of a set-up comes first."""

    name = "system"

    def packages(self, at: Placement) -> Sequence[str]:
        """What keeps the machine's packages up to date, and its log files small."""
        return ["unattended-upgrades", "logrotate"]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """SSH."""
        return [Endpoint("ssh", SSH, Exposure.OPERATOR)]

    def setup(self, at: Placement) -> Setup:
        """Its own part alone: a machine's whole set-up begins with `begin`."""
        return Setup()

    def begin(self, packages: Packages, files: Sequence[File]) -> Setup:
        """What comes first on a machine with all its packages; `files` are those that follow."""
        own = _files(packages)
        units = [file.path for file in (*own, *files) if file.path.startswith(UNITS)]
        return Setup(
            files=own,
            script=render(PACKAGE, "setup-begin.sh", units=units, logs=_LOGS),
            checks=[check(PACKAGE, "packages", asdict(packages)), check(PACKAGE, "ssh", {})],
        )

    def user_data(self, role: str, packages: Packages, private: str = "") -> str:
        """cloud-config that makes SSH safe and installs the packages, if they are not there.

        `private` is the private network of a machine that has a public port as well.
        """
        return render(
            PACKAGE,
            "user-data.yaml",
            role=role,
            account=ACCOUNT,
            routes_text=render(PACKAGE, "two-ports.sh", private=private) if private else "",
            install=INSTALL,
            install_text=_install(packages),
            apt_text=render(PACKAGE, "apt.conf", periodic=False),
        )

    def bake(self, role: str, packages: Packages) -> str:
        """cloud-config of the machine that an image is made from: it ends with powering off."""
        bake_text = render(PACKAGE, "bake.sh", install=INSTALL, begin=BEGIN, end=END, done=BAKED)
        return render(
            PACKAGE,
            "bake.yaml",
            role=role,
            install=INSTALL,
            install_text=_install(packages),
            apt_text=render(PACKAGE, "apt.conf", periodic=False),
            bake_text=bake_text,
        )


def encoded_size(user_data: str) -> int:
    """Its size in bytes as Nova counts it, to compare with USER_DATA_LIMIT.

    >>> encoded_size("#cloud-config")
    20
    """
    return len(base64.b64encode(user_data.encode()))


def installer(packages: Packages) -> list[File]:
    """The program that installs packages, at INSTALL, with the key that it may need."""
    files = [File(INSTALL, _install(packages), 0o755)]
    if packages.version:
        files.append(File(PGDG, render(PACKAGE, "pgdg.asc")))
    return files


def _files(packages: Packages) -> list[File]:
    texts = {
        "/etc/apt/apt.conf.d/90skytier": render(PACKAGE, "apt.conf", periodic=True),
        "/etc/ssh/sshd_config.d/10-skytier.conf": render(PACKAGE, "sshd.conf"),
        "/etc/systemd/journald.conf.d/skytier.conf": render(PACKAGE, "journald.conf"),
        "/etc/sysctl.d/60-skytier.conf": render(PACKAGE, "sysctl.conf"),
    }
    for path, name in zip(_LOGS, ("", "service.", "timer."), strict=True):
        texts[path] = render(PACKAGE, f"logrotate.{name}conf", logrotate=_LOGROTATE)
    install, *key = installer(packages)
    return [install, *(File(path, text) for path, text in texts.items()), *key]


def _install(packages: Packages) -> str:
    return render(PACKAGE, "install-packages.sh", **asdict(packages))


SYSTEM = System()

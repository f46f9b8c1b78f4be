"""What is in the guests' images, and how their root file system is made."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from devcloud import command, home, templates, vendordata
from devcloud.errors import DevcloudError


@dataclass(frozen=True)
class System:
    """A release of Debian, of which there are two images: plain, and with all roles' packages."""

    version: str
    suite: str
    more: tuple[str, ...] = ()
    """What this release does not have without being asked, and a guest needs."""

    @property
    def name(self) -> str:
        """That of the plain image."""
        return f"debian-{self.version}"


DEBIAN_12 = System("12", vendordata.SUITE)
# Without it the root file system does not grow, and cloud-init reports an error.
DEBIAN_13 = System("13", "trixie", ("e2fsprogs",))
SYSTEMS = {system.name: system for system in (DEBIAN_12, DEBIAN_13)}
# Below this no recommendation is installed: each package below is meant.
BASE = [
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "less",
    "linux-image-cloud-amd64",
    "locales",
    "lz4",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
]
# Everything that a role of the stack installs.
ROLES = [
    "certbot",
    "logrotate",
    "nginx",
    "nginx-common",
    "pgbackrest",
    "postgresql",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-nginx-exporter",
    "prometheus-node-exporter",
    "prometheus-postgres-exporter",
    "prometheus-redis-exporter",
    "python3-pip",
    "python3-venv",
    "redis-server",
    "rsync",
    "unattended-upgrades",
]
ROLE_UNITS = [
    "certbot.timer",
    "nginx.service",
    "pgbackrest.service",
    "postgresql.service",
    "prometheus.service",
    "prometheus-alertmanager.service",
    "prometheus-nginx-exporter.service",
    "prometheus-node-exporter.service",
    "prometheus-node-exporter-apt.timer",
    "prometheus-node-exporter-ipmitool-sensor.timer",
    "prometheus-node-exporter-mellanox-hca-temp.timer",
    "prometheus-node-exporter-nvme.timer",
    "prometheus-node-exporter-smartmon.timer",
    "prometheus-postgres-exporter.service",
    "prometheus-redis-exporter.service",
    "redis-server.service",
    "unattended-upgrades.service",
]
# Never of use in a guest that lives for minutes; each costs seconds of an emulated boot.
MASKED = [
    "cloud-init-hotplugd.socket",
    "dev-hugepages.mount",
    "e2scrub_reap.service",
    "getty@tty1.service",
    # Makes an RSA host key too, since OpenSSH 10; cloud-init makes the others.
    "sshd-keygen.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-networkd-wait-online.service",
    "systemd-pstore.service",
]
# Not masked: a role may turn them on.
DISABLED = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "logrotate.timer",
    "man-db.timer",
]
SIZE_GIB = 3
KERNEL_ARGUMENTS = (
    # The disk is one file system without partitions.
    "root=LABEL=root rw console=ttyS0 quiet systemd.show_status=0 "
    # Guards against flaws of CPUs that are not emulated, and slow.
    "mitigations=off "
    # Timer interrupts come late under emulation: no test for them, no alarm.
    "no_timer_check nowatchdog "
    # The file system is new; the crypto self tests are for other hardware.
    "fsck.mode=skip cryptomgr.notests"
)
TEMPLATES = ("cloud.cfg", "initramfs.conf", "initramfs-modules", "roles.preset")
CACHE = home.HOME / "apt-cache"
NO_FSYNC = "etc/dpkg/dpkg.cfg.d/devcloud-build"


def fingerprint() -> str:
    """A hash of all that makes the images, but for the versions that Debian has that day."""
    here = Path(__file__)
    parts = [here.read_bytes()]
    parts += [(here.parent / "templates/image" / f"{name}.j2").read_bytes() for name in TEMPLATES]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def make_base(system: System, root: Path, log: Path) -> None:
    """Make the root file system of a plain image in an empty directory."""
    CACHE.mkdir(exist_ok=True)
    bootstrap = ["debootstrap", "--variant=minbase", f"--cache-dir={CACHE}"]
    command.run([*bootstrap, system.suite, root, mirror()], log=log)
    put(root, "etc/initramfs-tools/conf.d/devcloud", "initramfs.conf")
    put(root, "usr/share/initramfs-tools/modules.d/devcloud", "initramfs-modules")
    put(root, "etc/systemd/system-preset/10-roles.preset", "roles.preset", units=ROLE_UNITS)
    put(root, "etc/cloud/cloud.cfg.d/90_image.cfg", "cloud.cfg")
    (root / "etc/fstab").write_text("LABEL=root / ext4 defaults,noatime 0 1\n")
    (root / "etc/hostname").write_text("debian\n")
    (root / "etc/default/locale").write_text("LANG=C.UTF-8\n")
    _install(system, root, [*BASE, *system.more], log)
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    _chroot(root, ["systemctl", "enable", "systemd-networkd.service"], log)
    _disable(root, DISABLED, log)


def add_roles(system: System, root: Path, log: Path) -> None:
    """Add all roles' packages to the base; none of their services starts at boot."""
    add_packages(system, root, ROLES, ROLE_UNITS, log)


def add_packages(
    system: System, root: Path, packages: list[str], units: list[str], log: Path
) -> None:
    """Add packages to the base; these units of theirs do not start at boot."""
    _install(system, root, packages, log)
    _disable(root, units, log)


def clean(root: Path) -> None:
    """Remove what each guest must have of its own, and what only the building needed."""
    for path in root.glob("etc/ssh/ssh_host_*"):
        path.unlink()
    # Empty, not missing: a missing one makes systemd turn on every service that is installed.
    (root / "etc/machine-id").write_text("")
    for name in ("etc/apt/sources.list", "etc/resolv.conf", NO_FSYNC, "usr/sbin/policy-rc.d"):
        (root / name).unlink(missing_ok=True)
    for path in (root / "var/lib/apt/lists").glob("*_*"):
        path.unlink()


def mirror() -> str:
    """The Debian mirror in this machine's apt sources, which has the other releases too.

    Raises DevcloudError when there is none.
    """
    sources = command.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)"])
    for line in sources.splitlines():
        site, _, release = line.partition(" ")
        if release == vendordata.SUITE:
            return site
    raise DevcloudError(f"The apt sources of this machine name no mirror of {vendordata.SUITE}.")


def put(root: Path, path: str, template: str, **values: object) -> None:
    """Write a file of a root, of a template in templates/image."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(templates.render(f"image/{template}", **values))


def _install(system: System, root: Path, packages: list[str], log: Path) -> None:
    for path, text in vendordata.apt_files(system.suite).items():
        (root / path.lstrip("/")).write_text(text)
    (root / "etc/resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    # The whole image is thrown away when this is killed.
    (root / NO_FSYNC).write_text("force-unsafe-io\n")
    _chroot(root, ["apt-get", "update", "-q"], log)
    _chroot(root, ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], log)


def _disable(root: Path, units: list[str], log: Path) -> None:
    there = [u for u in units if (root / "lib/systemd/system" / u).exists()]
    if there:
        _chroot(root, ["systemctl", "disable", "--quiet", *there], log)


def _chroot(root: Path, words: list[str], log: Path) -> None:
    """Run a program inside. Its mounts are its own: they go when it ends, however it ends."""
    script = (
        'mount --bind "$2" "$1/var/cache/apt/archives" && mount -t proc proc "$1/proc" && '
        'root=$1 && shift 2 && exec chroot "$root" "$@"'
    )
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"]
    command.run([*inside, root, CACHE, *words], env={"DEBIAN_FRONTEND": "noninteractive"}, log=log)

"""Debian's own packages, installed without starting any service of theirs."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devcloud import command, home
from devcloud.extras import Extras
from devcloud.release import HERE
from devcloud.stage import Stage

WANTED = [
    # what the control plane stands on
    "mariadb-server",
    "memcached",
    "python3-pymysql",
    "rabbitmq-server",
    "supervisor",
    # Keystone and Placement are WSGI applications
    "uwsgi-core",
    "uwsgi-plugin-python3",
    "glance",
    "keystone",
    "neutron-server",
    "nova-api",
    "nova-conductor",
    "nova-scheduler",
    "placement-api",
    "python3-openstackclient",
    # a clouds.yaml that keeps other people's comments
    "openssl",
    "python3-ruamel.yaml",
]
GUESTS = [
    "neutron-dhcp-agent",
    "neutron-l3-agent",
    "neutron-linuxbridge-agent",
    "neutron-metadata-agent",
    "nova-compute-kvm",
    # the hypervisor, and what the agents call; nova-compute-qemu would bring along the emulators
    # of thirty other CPUs, and libvirt asks each what it can, for a minute
    "conntrack",
    "dnsmasq-base",
    "ebtables",
    "genisoimage",
    "ipset",
    "iptables",
    "iputils-arping",
    "libvirt-clients",
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "qemu-system-x86",
]
# Nova's fake driver is in it.
WITHOUT_GUESTS = ["nova-compute"]
# What builds the guests' images.
BUILDING = ["debootstrap", "python3-jinja2", "qemu-utils"]
# Only with volumes: Cinder, and Ceph to keep them. cinder-volume asks for the ceph command.
VOLUMES = [
    "ceph-common",
    "ceph-mgr",
    "ceph-mon",
    "ceph-osd",
    "cinder-api",
    "cinder-scheduler",
    "cinder-volume",
    "python3-rados",
    "qemu-block-extra",
]
OBJECTS = ["radosgw"]
LOAD_BALANCERS = ["octavia-api", "octavia-worker"]
# What amphorae report to.
AMPHORAE = ["octavia-health-manager"]
SCHEMAS = ["glance", "keystone", "neutron-server", "nova-api", "placement-api"]
VOLUMES_SCHEMA = "cinder-common"
LOAD_BALANCERS_SCHEMA = "octavia-common"
# It refuses to go where root has no password, and somebody may count on it by now.
KEPT = {"sudo"}
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_ASIDE = POLICY.with_name("policy-rc.d.before-devcloud")
OURS = "#!/bin/sh\n# devcloud: packages that are being installed start no services.\nexit 101\n"
# Wait for another apt; do not wait for the disk after each of hundreds of packages.
QUICKLY = ["-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Options::=--force-unsafe-io"]
NEW = "new-packages"  # in home.DONE: the packages that were not here before
UNITS = Path("/etc/systemd/system")


def up(stage: Stage, extras: Extras, can_build: Callable[[], None]) -> None:
    """Install what is missing. Raises DevcloudError when apt fails.

    `can_build` is called once BUILDING are there. The rest takes as long as the images do, and
    needs one processor.
    """
    _end_policy()  # of a run that was killed
    here = installed()
    wanted = BUILDING + WANTED + (GUESTS if HERE.has_guests else WITHOUT_GUESTS)
    wanted += (VOLUMES if extras.volumes else []) + (OBJECTS if extras.objects else [])
    wanted += LOAD_BALANCERS if extras.load_balancers else []
    wanted += AMPHORAE if extras.amphorae else []
    missing = [name for name in wanted if name not in here]
    # apt can name a package as installed that dpkg was killed over.
    broken = command.run(["dpkg", "--audit"])
    if not missing and not broken:
        can_build()
        return
    stage.doing(f"installing {len(missing)} packages and what they need, from Debian")
    log = home.LOGS / "packages.log"
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        if broken:
            command.run(["dpkg", "--configure", "-a"], env=environment, log=log)
        command.run(["apt-get", "update", "-q"], env=environment, log=log)
        install = ["apt-get", "install", "-q", "--no-install-recommends"]
        # Written down before it is done: a killed run leaves no package that nobody knows of.
        coming = command.run([*install, *wanted, "--simulate"])
        new = _recorded() | set(re.findall(r"^Inst (\S+)", coming, re.MULTILINE))
        home.write(home.DONE / NEW, "\n".join(sorted(new)))
        command.run([*install, *BUILDING, "-y", *QUICKLY], env=environment, log=log)
        can_build()
        command.run([*install, *wanted, "-y", *QUICKLY], env=environment, log=log)
    _mask(new)
    stage.done(f"{len(new)} are new on this machine")


def installed(status: str = "ii ") -> set[str]:
    """The names of the packages that are installed whole, or have another status of dpkg's."""
    listed = command.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n"])
    return {line.split()[1] for line in listed.splitlines() if line.startswith(status)}


def versions(extras: Extras) -> str:
    """The versions of the packages that bring a schema."""
    names = SCHEMAS + ([VOLUMES_SCHEMA] if extras.volumes else [])
    names += [LOAD_BALANCERS_SCHEMA] if extras.load_balancers else []
    return command.run(["dpkg-query", "-W", *names])


def _recorded() -> set[str]:
    path = home.DONE / NEW
    return set(path.read_text().split()) if path.exists() else set()


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep invoke-rc.d from starting anything; an administrator's own policy comes back."""
    if POLICY.exists():
        POLICY.rename(POLICY_ASIDE)
    home.write(POLICY, OURS, 0o755)
    try:
        yield
    finally:
        _end_policy()


def _end_policy() -> None:
    if POLICY.exists() and POLICY.read_text() == OURS:
        POLICY.unlink()
    if POLICY_ASIDE.exists() and not POLICY.exists():
        POLICY_ASIDE.rename(POLICY)


def _units(packages: set[str]) -> set[str]:
    """The systemd units of packages that may start something by themselves."""
    if not packages:
        return set()
    files = command.run(["dpkg-query", "-L", *sorted(packages)])
    return set(
        re.findall(r"/lib/systemd/system/([^/\n@]+\.(?:service|socket|timer))$", files, re.M)
    )


def _mask(packages: set[str]) -> None:
    """Mask the units of new packages: supervisord starts the daemons, and at boot systemd would.

    By hand, since systemctl may be missing. Units of packages that were here before stay as they
    are.
    """
    ours = [name for name in packages if re.match(_DAEMONS, name)]
    for unit in _units(set(ours)):
        link = UNITS / unit
        if not link.exists() and not link.is_symlink():
            UNITS.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/dev/null")
    if Path("/run/systemd/system").exists():
        command.try_run(["systemctl", "daemon-reload"])


_DAEMONS = (
    "mariadb|memcached|rabbitmq|supervisor|epmd|erlang-base|uwsgi"
    "|glance|keystone|neutron|nova|octavia|placement|libvirt"
    # what Cinder and Ceph bring along would watch disks that are none of the cloud's
    "|cinder|ceph|radosgw|lvm2|dmeventd|open-iscsi|smartmontools|nvme-cli|tgt|targetcli"
)


def purge(stage: Stage) -> None:
    """Remove, with their configuration, the packages that `up` brought and nothing else needs."""
    # "rc": removed by a run that was killed before it took the configuration.
    new, removed = _recorded() & installed(), _recorded() & installed("rc ")
    if not new | removed:
        return
    stage.doing("removing packages that the cloud brought along")
    for unit in _units(new):
        link = UNITS / unit
        if link.is_symlink() and str(link.readlink()) == "/dev/null":
            link.unlink()
    log = home.LOGS / "packages.log"
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():  # after a purge that was killed half-way; otherwise it does nothing
        command.run(["dpkg", "--configure", "-a"], env=environment, log=log)
        command.run(["apt-get", "install", "--fix-broken", "-y", "-q"], env=environment, log=log)
    new = _recorded() & installed()
    if new:
        command.run(["apt-mark", "auto", *sorted(new)], log=log)
    # What other packages need by now stays; what was here before is never touched.
    strictly = ["-o", "APT::AutoRemove::RecommendsImportant=false"]
    simulated = subprocess.run(
        ["apt-get", "-s", *strictly, "autoremove"],
        env=command.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    unneeded = (set(re.findall(r"^Remv (\S+)", simulated, re.MULTILINE)) & new) - KEPT
    with _no_services():
        words = ["apt-get", "purge", "-y", "-q", *sorted(unneeded | removed)]
        command.run(words, env=environment, log=log)
    kept = len(new) - len(unneeded)
    stage.done(
        f"{len(unneeded | removed)} removed"
        + (f", {kept} kept that others need by now" if kept else "")
    )

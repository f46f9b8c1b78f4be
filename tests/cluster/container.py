"""Machines for the tests: Debian with a real systemd, in containers of systemd-nspawn.

They stand in for a cloud's servers in all but the kernel. Each has a network name space of its
own and a wire to a switch; nothing of this machine's network is touched.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psutil

from skytier.deploy.setup import set_up
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError
from skytier.openstack.choices.systems import Described, system_of
from skytier.poll import until
from skytier.release.platform import System
from skytier.render import render
from skytier.secrets import DIRECTORY
from skytier.services.postgresql.distribution import major_version
from skytier.services.setup import Check, Setup
from tests.releases import CACHE

PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "cloud-init", "openssh-server", "sudo"),
    *("locales", "iproute2", "python3", "nginx", "openssl", "postgresql", "unattended-upgrades"),
    "logrotate",
    *("postgresql-client", "haproxy", "keepalived"),
    *("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"),
    *("prometheus-nginx-exporter", "prometheus-postgres-exporter"),
    *("redis-server", "prometheus-redis-exporter"),
    "pgbackrest",
    # A certificate, and an authority for tests that gives it.
    *("certbot", "pebble"),
    *("etcd-server", "etcd-client", "python3-venv", "python3-etcd", "python3-psycopg2"),
    *("python3-yaml", "python3-dateutil", "python3-prettytable", "python3-psutil"),
    *("python3-click", "python3-urllib3", "python3-cdiff"),
)


@dataclass(frozen=True)
class Base:
    """What an image has."""

    name: str
    suite: str
    """Of Debian."""
    packages: Sequence[str]
    older: str = ""
    """The suite that packages come from which `suite` does not have."""
    fetched: Sequence[str] = ()
    """Packages that lie ready, so that a machine installs them without a network."""

    @property
    def system(self) -> System:
        """The distribution, as the tool takes it from the name of an image."""
        return system_of(Described(self.name))

    @property
    def postgresql(self) -> int:
        """The distribution's major version of it."""
        found = major_version(self.system)
        assert found
        return found


DEBIAN_12 = Base("debian-12", "bookworm", PACKAGES)
DEBIAN_13 = Base("debian-13", "trixie", PACKAGES)
TWO_VERSIONS = replace(
    DEBIAN_13,
    packages=(
        *("systemd", "systemd-sysv", "udev", "dbus", "cloud-init", "openssh-server", "sudo"),
        *("locales", "iproute2", "python3", "openssl", "unattended-upgrades", "logrotate"),
        "pgbackrest",
        "postgresql-15",
    ),
    older="bookworm",
    fetched=("postgresql-17",),
)
"""For a database alone: two versions that one system has, one from the Debian before."""
MOVED = replace(
    DEBIAN_13,
    name="debian-13-postgresql-15",
    # A machine with a volume has e2fsprogs, too.
    packages=(*PACKAGES, "postgresql-15", "e2fsprogs"),
    older="bookworm",
)
"""For a database that comes from Debian 12: as if it had the PostgreSQL project's archive."""
BASES = (DEBIAN_12, DEBIAN_13, MOVED)
"""What a stack file can name as an image."""
WHEELS = "/opt/wheels"
"""Where machines, which reach no index of packages, find what their set-up installs by pip."""
SHARED = "/srv/shared"
NEEDED = ("debootstrap", "systemd-nspawn", "ip", "nsenter")


def missing() -> str | None:
    """Why there can be no containers here; None when there can."""
    if os.geteuid() != 0:
        return "containers need root"
    absent = [name for name in NEEDED if not shutil.which(name)]
    return f"containers need {', '.join(absent)}" if absent else None


def image(base: Base = DEBIAN_12) -> Path:
    """A system with its packages; made once for each list of them, in two minutes."""
    contents = f"{base.packages} {_patroni()}"
    if base != DEBIAN_12:
        contents += f"{base}"
    made = CACHE / f"{base.name}-{hashlib.sha256(contents.encode()).hexdigest()[:8]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        # Tests in other processes want it too: one of them makes it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            new = made.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            _make(new, base)
            new.rename(made)
    return made


def _make(root: Path, base: Base) -> None:
    mirror, includes = _mirror(), "--include=ca-certificates"
    # What it mounts goes with it, also when it is killed.
    alone = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    _run(*alone, "debootstrap", "--variant=minbase", includes, base.suite, str(root), mirror)
    for name in ("sources.list.d", "sources.list"):
        shutil.rmtree(root / "etc/apt" / name, ignore_errors=True)
    suites = [base.suite, *([base.older] if base.older else [])]
    sources = "".join(f"deb {mirror} {suite} main\n" for suite in suites)
    (root / "etc/apt/sources.list").write_text(sources)
    if base.older:
        pin = f"Package: *\nPin: release n={base.older}\nPin-Priority: 100\n"
        (root / "etc/apt/preferences.d/older").write_text(pin)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    # No service starts while its package is installed: there is no systemd yet.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    # It is thrown away when this is killed.
    quick = root / "etc/dpkg/dpkg.cfg.d/tests"
    quick.write_text("force-unsafe-io\n")
    chroot = ("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
    # An archive that does not answer once is asked again.
    apt = (*chroot, "apt-get", "-qq", "-o", "Acquire::Retries=5")
    _run(*apt, "update")
    install = (*apt, "install", "--no-install-recommends")
    _run(*install, *base.packages)
    if base.fetched:
        _run(*install, "--download-only", *base.fetched)
    # A role starts them where it wants them; not every machine is a monitor.
    if units := [name for name in base.packages if name.startswith(("etcd-server", "prometheus"))]:
        names = [name.removesuffix("-server") for name in units]
        _run(*chroot, "systemctl", "--quiet", "disable", *names)
    for path in (policy, quick):
        path.unlink()
    if "etcd-server" not in base.packages:
        return
    wheels = root / WHEELS.lstrip("/")
    wheels.mkdir()
    (wheels / "patroni.txt").write_text(_patroni())
    download = ("pip", "download", "--quiet", "--require-hashes", "--no-deps")
    _run(sys.executable, "-m", *download, f"--dest={wheels}", f"--requirement={wheels}/patroni.txt")
    (root / "etc/pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {WHEELS}\n")


def _patroni() -> str:
    return render("skytier.services.patroni", "patroni.txt")


def _mirror() -> str:
    sources = Path("/etc/apt").rglob("*.sources"), Path("/etc/apt").rglob("*.list")
    words = [w for paths in sources for path in paths for w in path.read_text().split()]
    archives = [w for w in words if w.startswith("http") and w.rstrip("/").endswith("/debian")]
    return archives[0] if archives else "http://deb.debian.org/debian"


def mac_of(address: str) -> str:
    """The MAC address of an interface, which a machine made anew has again, as with a Neutron port.

    >>> mac_of("192.168.128.10")
    '02:00:c0:a8:80:0a'
    """
    return f"02:00:{ip_address(address).packed.hex(':')}"


# The pid of the shell becomes that of the program, which is what is in the groups then.
_IN_A_GROUP = """
until [ "$1" = -- ]; do mkdir -p "$1"; echo $$ >"$1/cgroup.procs"; shift; done
shift
exec "$@"
"""


def control_groups(name: str) -> list[str]:
    """Where a machine's own control groups are, by which its systemd knows its processes.

    Machines that share one wait for each other's processes: a service ends when its group is empty.
    """
    mine = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    paths = {"cgroup2" if number == "0" else kind: path for number, kind, path in mine}
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    found = []
    for _, place, system, options, *_ in mounts:
        kind = system if system == "cgroup2" else "name=systemd"
        if system in ("cgroup", "cgroup2") and kind in (system, *options.split(",")):
            found.append(f"{place}{paths[kind].rstrip('/')}/{name}")
    return found


def remove_group(path: Path) -> None:
    """Take a control group away, with those in it. Their processes were killed."""

    def gone() -> bool:
        with suppress(OSError):  # one that was killed is in it a moment longer
            for each in sorted((path, *path.rglob("*/")), reverse=True):
                each.rmdir()
        return not path.exists()

    assert until(gone, 60, 0.1), path


@dataclass(frozen=True)
class Network:
    """A private network: a switch in a network namespace of its own, and a wire to each machine."""

    name: str
    cidr: str

    @property
    def namespace(self) -> str:
        """Where the switch is. Its own address is the first of the network."""
        return f"{self.name}-switch"

    def create(self) -> None:
        _run("ip", "netns", "add", self.namespace)
        inside = ("ip", "-netns", self.namespace)
        network = ip_network(self.cidr)
        # Else it has the lowest MAC address of its wires: with each that comes or goes another one,
        # which machines learn half a minute later.
        first = ("address", mac_of(str(network[1])))
        _run(*inside, "link", "add", "switch", *first, "type", "bridge")
        _run(*inside, "address", "add", f"{network[1]}/{network.prefixlen}", "dev", "switch")
        for link in ("lo", "switch"):
            _run(*inside, "link", "set", link, "up")

    def connect(self, machine: "Container") -> None:
        """Give a machine its network namespace, with a wire to the switch and its address."""
        wire, prefix = machine.address, ip_network(self.cidr).prefixlen
        # That of a machine that was lost may still be there.
        former = ("ip", "-netns", self.namespace, "link", "delete", wire)
        subprocess.run(former, check=False, stderr=subprocess.DEVNULL)
        _run("ip", "netns", "add", machine.namespace)
        _run(
            *("ip", "link", "add", "eth0", "address", mac_of(wire), "netns", machine.namespace),
            *("type", "veth", "peer", "name", wire, "netns", self.namespace),
        )
        inside = ("ip", "-netns", machine.namespace)
        _run(*inside, "address", "add", f"{machine.address}/{prefix}", "dev", "eth0")
        _run("ip", "-netns", self.namespace, "link", "set", wire, "master", "switch", "up")
        for link in ("lo", "eth0"):
            _run(*inside, "link", "set", link, "up")

    def lead(self, address: str, before: "Container | None", to: "Container") -> None:
        """Have an address lead to a machine, as a floating IP does, and to no other one."""
        if before:
            inside = ("ip", "-netns", before.namespace, "address")
            _run(*inside, "delete", f"{address}/32", "dev", "eth0")
        # A machine that was just made has it already.
        _run("ip", "-netns", to.namespace, "address", "replace", f"{address}/32", "dev", "eth0")
        _run("ip", "-netns", self.namespace, "neighbour", "flush", "to", address)

    def cut(self, machine: "Container", *, mended: bool = False) -> None:
        """Pull a machine's wire out of the switch, or put it in again."""
        inside = ("ip", "-netns", self.namespace)
        _run(*inside, "link", "set", machine.address, "up" if mended else "down")

    def start(self, *command: str, **more: Any) -> subprocess.Popen[str]:
        """A program on this machine that sees the private network, and nothing else."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *command],
            stdout=subprocess.PIPE,
            text=True,
            **more,
        )

    def delete(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)


@dataclass(eq=False)
class Container:
    """A machine, which is a Host of the tool. `start` boots it."""

    name: str
    address: str
    home: Path
    process: subprocess.Popen[bytes] | None = None
    binds: Sequence[str] = ()
    """Directories of this machine that it sees and cannot write to: `/here:/there`."""
    base: Base = DEBIAN_12
    has_network: bool = False
    """Whether systemd-networkd gives its interfaces addresses, as on a server."""
    shares_address: bool = False
    """Whether keepalived gives its interface an address more."""

    @property
    def namespace(self) -> str:
        """Also the container's name here: other clusters have machines of the same name."""
        # The name of a machine has no underscore.
        return f"{self.home.parent.name}-{self.name}".replace("_", "-")

    @property
    def root(self) -> Path:
        return self.home / "root"

    @property
    def shared(self) -> Path:
        """A directory that all machines of a cluster have at SHARED, as of a file server."""
        return self.home.parent / "shared"

    def create(self, user_data: str) -> None:
        """A file system of its own over the image, with what Nova would tell cloud-init."""
        for name in ("upper", "work", "root"):
            (self.home / name).mkdir(parents=True)
        layers = f"lowerdir={image(self.base)},upperdir={self.home}/upper,workdir={self.home}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        seed = self.root / "var/lib/cloud/seed/nocloud"
        seed.mkdir(parents=True)
        (seed / "user-data").write_text(user_data)
        (seed / "meta-data").write_text(f"instance-id: {self.name}\nlocal-hostname: {self.name}\n")
        only = self.root / "etc/cloud/cloud.cfg.d/90-tests.cfg"
        only.write_text("datasource_list: [NoCloud]\nnetwork: {config: disabled}\n")

    def give(self, secrets: Mapping[str, str]) -> None:
        """Secrets that it has before it boots."""
        directory = self.root / DIRECTORY.lstrip("/")
        directory.parent.mkdir()
        directory.mkdir(mode=0o700)
        for name, text in secrets.items():
            (directory / name).touch(mode=0o400)
            (directory / name).write_text(text)

    def start(self) -> None:
        """Boot. It ends with the thread that starts it, so that has to be the main one."""
        log = (self.home / "console").open("ab")
        self.shared.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [
                *("sh", "-c", _IN_A_GROUP, "sh", *control_groups(self.namespace)),
                # It ends with these tests, however they end.
                *("--", "setpriv", "--pdeathsig", "TERM"),
                *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
                f"--directory={self.root}",
                f"--bind={self.shared}:{SHARED}",
                *(f"--machine={self.namespace}", f"--hostname={self.name}"),
                f"--network-namespace-path=/run/netns/{self.namespace}",
                *("--console=pipe", "--link-journal=no"),
                *(f"--bind-ro={each}" for each in self.binds),
                *(
                    ["--capability=CAP_NET_ADMIN"]
                    if self.has_network or self.shares_address
                    else []
                ),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def wait(self) -> None:
        """Until SSH is there: no sooner does the tool come."""
        self.wait_for("systemctl --quiet is-active ssh")

    def stop(self) -> None:
        """Shut down in good order, as Nova's stop does."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def kill(self) -> None:
        """Power off: nothing is told, and nothing is written any more."""
        if self.process:
            # The first process of its name space takes all others along; systemd-nspawn does not.
            for first in psutil.Process(self.process.pid).children():
                first.kill()
            self.process.kill()
            self.process.wait()
            self.process = None

    def delete(self) -> None:
        self.stop()
        subprocess.run(["umount", str(self.root)], check=False)
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)
        shutil.rmtree(self.home)
        for each in control_groups(self.namespace):
            remove_group(Path(each))

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Runs a bash script as root, as the tool does over SSH."""
        done = self._bash(script, stdin)
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace").strip()
            what = f"{self.name} ended with {done.returncode}:\n{said}"
            raise CommandError(what, "Look at the container.", said)
        return done.stdout.decode(errors="replace")

    def set_up(self, setup: Setup, secrets: Mapping[str, str]) -> None:
        """Bring it to a set-up, as the tool does."""
        given = {name: secrets[name] for name in setup.secrets}
        set_up(self, setup, given, lambda text: None)

    def put(self, path: str, text: str, mode: int) -> None:
        directory, secret = path.rpartition("/")[0], mode & 0o077 == 0
        made = f"install -d -m {'0700' if secret else '0755'} {directory}"
        self.run(
            f"[ -d {directory} ] || {made}; umask 077; cat >{path}.new && "
            f"chmod {mode:o} {path}.new && mv {path}.new {path}",
            text.encode(),
        )

    def ask(self, check: Check) -> tuple[int, str]:
        """The exit code of a check, and what it says."""
        done = self._bash(check.script, None)
        return done.returncode, done.stdout.decode().strip()

    def wait_for(self, condition: str, timeout_s: float = 300) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.run(condition)
            except (SkytierError, IndexError, FileNotFoundError):
                assert time.monotonic() < deadline, (self.home / "console").read_text()
                time.sleep(0.2)
            else:
                return

    def words(self, *command: str) -> list[str]:
        """The command line that runs a command as root in the machine."""
        assert self.process, f"{self.name} does not run"
        pid = self.process.pid
        leader = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        environment = ("env", "-i", "PATH=/usr/sbin:/usr/bin")
        return ["nsenter", "--all", "--target", leader, *environment, *command]

    def _bash(self, script: str, stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.words("bash", "-c", script),
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"

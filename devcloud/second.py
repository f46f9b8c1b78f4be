"""A second OpenStack beside the first one: the control plane of a newer release, without guests.

It is this devcloud itself, in a container with the release of Debian that has those packages.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from devcloud import command, home, recipe, vendordata
from devcloud.container import Container
from devcloud.errors import DevcloudError
from devcloud.release import EPOXY
from devcloud.stage import Stage, say, stage

HOME = home.HOME.with_name(f"{home.HOME.name}-second")
"""On this machine, and in the container too: each cloud knows its processes by its home."""
ROOT = HOME / "root"
LOG = HOME / "root.log"
LOCK = Path("/run/lock/devcloud-second")
CLOUDS = ROOT / "etc/openstack/clouds.yaml"
CODE = Path("opt/skytier")
PREFIX = EPOXY.public.partition("/")[2]
CONTAINER = Container(ROOT, "ve-second", f"{EPOXY.gateway}/{PREFIX}", f"{EPOXY.address}/{PREFIX}")
SUITE = recipe.DEBIAN_13.suite
# The rest comes by the devcloud's own list, once there is a Python.
FIRST = ("ca-certificates", "iproute2", "netbase", "python3")
VARIABLES = {
    "DEVCLOUD_HOME": str(HOME),
    "PYTHONPATH": f"/{CODE}",
    "PYTHONDONTWRITEBYTECODE": "1",
}
DISK_GIB = 6
NOT_RUNNING = 3


def up() -> int:
    """Bring it up; what is there already stays. Returns the exit code."""
    with home.lock(LOCK):
        with stage("root") as current:
            _make_root(current)
            _settle()
        if code := CONTAINER.run_with_this_network(_devcloud("packages", "--volumes"), VARIABLES):
            return code
        with stage("container") as current:
            if CONTAINER.start(HOME / "container.log"):
                current.done(f"started, at {EPOXY.address}")
        if code := CONTAINER.run(_devcloud("up", "--volumes"), VARIABLES):
            return code
    say("Try:")
    say(f"    OS_CLIENT_CONFIG_FILE={CLOUDS} openstack --os-cloud devcloud server list")
    return 0


def down(purge: bool) -> int:
    """End all of it; with `purge` delete its data, too. Returns the exit code."""
    with home.lock(LOCK):
        code = CONTAINER.run(_devcloud("down"), VARIABLES) if CONTAINER.pid() else 0
        with stage("container") as current:
            CONTAINER.stop()
            current.done("ended")
        if purge:
            with stage("data") as current:
                # A mount that somebody made below it is not ours to empty.
                command.run(["rm", "-rf", "--one-file-system", HOME])
                current.done(f"{HOME} is gone")
    return code


def ask(name: str, options: Sequence[str]) -> int:
    """Run a command of the devcloud that changes nothing. Returns its exit code."""
    if CONTAINER.pid() is None:
        say("The second cloud is not up: devcloud/second up")
        return NOT_RUNNING
    return CONTAINER.run(_devcloud(name, *options), VARIABLES)


def _make_root(current: Stage) -> None:
    """The container's system. It gets its name when it is complete: half of one is made anew."""
    if ROOT.exists():
        return
    HOME.mkdir(parents=True, exist_ok=True)
    gib = shutil.disk_usage(HOME).free / 2**30
    if gib < DISK_GIB:
        raise DevcloudError(f"It needs {DISK_GIB} GiB free below {HOME}, and there are {gib:.1f}.")
    current.doing(f"making a root of Debian {EPOXY.debian} with debootstrap; log: {LOG}")
    new = ROOT.with_name("root.new")
    command.run(["rm", "-rf", "--one-file-system", new])
    bootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(FIRST)}"]
    command.run([*bootstrap, SUITE, new, recipe.mirror()], log=LOG)
    new.rename(ROOT)
    current.done(f"made in {ROOT}")


def _settle() -> None:
    """Give the root what is this machine's or the checkout's, as it is now."""
    # That of debootstrap.
    (ROOT / "etc/apt/sources.list").unlink(missing_ok=True)
    for path, text in vendordata.apt_files(SUITE).items():
        (ROOT / path.lstrip("/")).write_text(text)
    (ROOT / "etc/resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
    name = Path("/proc/sys/kernel/hostname").read_text().strip()
    (ROOT / "etc/hosts").write_text(f"127.0.0.1 localhost {name}\n")
    code = ROOT / CODE
    shutil.rmtree(code, ignore_errors=True)
    here = Path(__file__).parent
    shutil.copytree(here, code / here.name, ignore=shutil.ignore_patterns("__pycache__"))


def _devcloud(*words: str) -> list[str]:
    """A command of the devcloud, in the container."""
    return ["/usr/bin/python3", "-s", "-m", "devcloud", *words]

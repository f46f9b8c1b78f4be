"""Cinder's volumes: Ceph in user space, whose disk is a file, and a pool in it.

This kind of machine has no device mapper, NBD, NFS or iSCSI in its kernel; QEMU opens a Ceph image
without the kernel's help, through librbd.
"""

import shutil
from pathlib import Path

from devcloud import catalog, ceph, command, home, services, supervisor, wait
from devcloud.configuration import CEPH_FSID
from devcloud.release import HERE
from devcloud.stage import Stage

DATA = home.DATA / "ceph"
POOL = "volumes"
DISK = "5f6f3b0e-51a7-4f2c-9a43-8a5a2d0c5b10"
MADE = "volumes"  # in home.DONE


def are_there() -> bool:
    """Whether this cloud was ever brought up with volumes."""
    return (home.DONE / MADE).exists()


def make_pool(stage: Stage) -> None:
    """Start Ceph and make the pool that Cinder keeps volumes in."""
    home.set_done(MADE, "")
    log = home.LOGS / "ceph-make.log"
    _make("mon", _monitor_words(log), log)
    started = supervisor.ensure([services.CEPH_MONITOR])
    with ceph.connected() as monitor:
        monitor.run("osd new", uuid=DISK)
        disk = ["--mkfs", "--id=0", f"--osd-uuid={DISK}"]
        _make("osd", ["ceph-osd", f"--conf={ceph.CONF}", *disk], log)
        started += supervisor.ensure(services.CEPH)
        do = "Look at devcloud/logs ceph-osd."
        wait.until(lambda: _has_disk(monitor), "Ceph's disk is not up", wait.PATIENCE_S, do)
        # Both are done already on a second run, and end well.
        monitor.run("osd pool create", pool=POOL, pg_num=8, pgp_num=8)
        monitor.run("osd pool application enable", pool=POOL, app="rbd")
        what = "Ceph's manager does not know how full the pool is"
        wait.until(lambda: _knows_pool(monitor), what, 60, "Look at devcloud/logs ceph-mgr.")
    if started:
        stage.done(f"{', '.join(started)} started")


def wait_for_cinder() -> None:
    """Wait until Cinder's scheduler and volume service have reported."""
    storage = catalog.connect().block_storage

    def reported() -> bool:
        # The SDK of this release has no call for it.
        found = storage.get("/os-services").json()["services"]
        up = {each["binary"] for each in found if each["state"] == "up"}
        return {"cinder-scheduler", "cinder-volume"} <= up

    do = "Look at devcloud/logs cinder-volume and devcloud/logs cinder-scheduler."
    wait.until(reported, "Cinder's services have not reported", wait.PATIENCE_S, do)


def _monitor_words(log: Path) -> list[str]:
    monitors = DATA / "monmap"
    known = ["--create", "--clobber", f"--fsid={CEPH_FSID}"]
    address = f"[v1:{HERE.address}:6789]"
    command.run(["monmaptool", *known, "--addv", "devcloud", address, monitors], log=log)
    return ["ceph-mon", f"--conf={ceph.CONF}", "--mkfs", "--id=devcloud", f"--monmap={monitors}"]


def _make(name: str, words: list[str], log: Path) -> None:
    """Make a daemon's data. It gets its name when it is complete: a killed run's is made anew."""
    if (DATA / name).exists():
        return
    new = DATA / f"{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    shutil.chown(new, "ceph", "ceph")
    command.run([*words, f"--{name}-data={new}"], user="ceph", log=log)
    new.rename(DATA / name)


def _has_disk(monitor: ceph.Monitor) -> bool:
    return int(monitor.run("osd stat")["num_up_osds"]) == 1


def _knows_pool(monitor: ceph.Monitor) -> bool:
    return any(pool["name"] == POOL for pool in monitor.run("df")["pools"])

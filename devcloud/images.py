"""The guests' images: built once for each recipe, kept in a cache, and given to Glance."""

import shutil
import subprocess
import sys
import uuid
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from devcloud import catalog, command, home, recipe
from devcloud.errors import DevcloudError
from devcloud.recipe import System
from devcloud.stage import Stage, stage

LOG = home.LOGS / "image.log"
BUILD = "devcloud_build"  # the image property that says which build it is


def files(system: System) -> dict[str, tuple[str, str, str]]:
    """Glance's name: (file in the cache, disk format, container format)."""
    name = system.name
    return {
        f"{name}-kernel": ("vmlinuz", "aki", "aki"),
        f"{name}-initrd": ("initrd", "ari", "ari"),
        name: ("plain.qcow2", "qcow2", "bare"),
        f"{name}-skytier": ("skytier.qcow2", "qcow2", "bare"),
    }


def main(system: System, rebuild: bool, upload: bool, project_id: str | None = None) -> None:
    """`devcloud/image`. With a project only that one sees them. Raises DevcloudError when a program
    fails."""
    home.make()
    with stage("image") as current, home.lock(home.IMAGES / "lock", wait=True):
        directory = cached(system)
        if rebuild:
            shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            build(current, system, directory)
    if upload:
        with stage("upload") as current:
            give_to_glance(current, system, project_id)


def cached(system: System) -> Path:
    """The directory of a system's images of today's recipe: complete when it exists."""
    return home.IMAGES / f"{system.name}-{recipe.fingerprint()}"


def build(current: Stage, system: System, directory: Path) -> None:
    """Build both images, the second on top of the first."""
    both = f"{system.name} and {system.name}-skytier"
    current.doing(f"building {both} with debootstrap; log: {LOG}")
    new = home.IMAGES / "new"
    root = make_root(system, new, LOG)
    take_kernel(root, new)
    pack(root, new / "plain.qcow2", LOG)
    recipe.add_roles(system, root, LOG)
    pack(root, new / "skytier.qcow2", LOG)
    shutil.rmtree(root)
    (new / "id").write_text(str(uuid.uuid4()))
    of_others = ["amphora-", *(f"{each}-" for each in recipe.SYSTEMS if each != system.name)]
    for old in home.IMAGES.iterdir():
        if old.is_dir() and old != new and not old.name.startswith(tuple(of_others)):
            shutil.rmtree(old)
    new.rename(directory)
    size = sum(path.stat().st_size for path in directory.iterdir()) // 2**20
    current.done(f"{both} built, {size} MiB")


def make_root(system: System, new: Path, log: Path) -> Path:
    """The root of a plain system, for images in the directory `new`, which begins empty. The log
    does, too."""
    shutil.rmtree(new, ignore_errors=True)
    root = new / "root"
    root.mkdir(parents=True)
    root.chmod(0o755)
    log.write_text("")
    recipe.make_base(system, root, log)
    return root


def take_kernel(root: Path, new: Path) -> None:
    """Copy what Nova boots, beside the images."""
    for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        shutil.copy(next(iter((root / "boot").glob(pattern))), new / name)


def pack(root: Path, image: Path, log: Path) -> None:
    """Make a qcow2 of one file system without partitions."""
    recipe.clean(root)
    raw = image.with_suffix(".raw")
    raw.unlink(missing_ok=True)
    with raw.open("wb") as file:
        file.truncate(recipe.SIZE_GIB * 2**30)
    command.run(["mkfs.ext4", "-q", "-L", "root", "-d", root, raw], log=log)
    # zstd is much quicker to read than the default.
    options = ["-c", "-o", "compression_type=zstd", "-m", "4", "-W"]
    command.run(["qemu-img", "convert", "-O", "qcow2", *options, raw, image], log=log)
    raw.unlink()


def build_in_background() -> subprocess.Popen[bytes]:
    """Begin to build, unless the cache has it; the cloud comes up meanwhile."""
    return subprocess.Popen(
        [sys.executable, "-s", "-m", "devcloud", "image", "--build-only"],
        env=command.environment(
            PYTHONPATH=str(Path(__file__).parent.parent), DEVCLOUD_HOME=str(home.HOME)
        ),
        stdin=subprocess.DEVNULL,
        stdout=(home.LOGS / "image-build.log").open("wb"),
        stderr=subprocess.STDOUT,
    )


def up(current: Stage, building: subprocess.Popen[bytes]) -> None:
    """Wait for the build, and upload what Glance does not have."""
    if building.poll() is None:
        current.doing("waiting until the images are built")
    if building.wait():
        said = (home.LOGS / "image-build.log").read_text()
        raise DevcloudError(f"The images could not be built:\n{said}", f"The whole log: {LOG}")
    give_to_glance(current, recipe.DEBIAN_12)


def up_empty(current: Stage) -> None:
    """Give Glance images of the same names and sizes with nothing in them: no guest boots here."""
    directory = cached(recipe.DEBIAN_12)
    if not directory.exists():
        new = home.IMAGES / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        for file, disk, _ in files(recipe.DEBIAN_12).values():
            if disk == "qcow2":
                size = f"{recipe.SIZE_GIB}G"
                command.run(["qemu-img", "create", "-q", "-f", disk, new / file, size])
            else:
                (new / file).write_text("nothing boots\n")
        (new / "id").write_text(str(uuid.uuid4()))
        new.rename(directory)
    give_to_glance(current, recipe.DEBIAN_12)


def give_to_glance(current: Stage, system: System, project_id: str | None = None) -> None:
    """Upload the images of a system that Glance has not, or has of another build."""
    directory, names = cached(system), files(system)
    identity = (directory / "id").read_text()
    glance = catalog.connect().image
    whose = {"visibility": "private", "owner": project_id} if project_id else {}
    known: dict[str, str] = {}
    outdated = []
    for which in [whose] if whose else [{}, {"visibility": "community"}]:
        asked = glance.get("/images", params={"limit": "500", **which})
        for image in asked.json()["images"]:
            outdated += _sort(image, names, identity, known)
    missing = [name for name in names if name not in known]
    if missing:
        current.doing(f"uploading {', '.join(missing)}")
    for name in missing:
        known[name] = _upload(glance, system, name, {BUILD: identity, **whose}, known)
    for image_id in outdated:
        glance.delete(f"/images/{image_id}")
    if missing:
        current.done(f"{', '.join(missing)} uploaded")


def _sort(
    image: dict[str, Any], names: Container[str], identity: str, known: dict[str, str]
) -> list[str]:
    """Note an image of ours that is current; return the id of one that is not."""
    if image["name"] not in names:
        return []
    if image["status"] == "active" and image.get(BUILD) == identity:
        known[image["name"]] = image["id"]
        return []
    return [image["id"]]


def _upload(
    glance: Any, system: System, name: str, also: Mapping[str, str], known: Mapping[str, str]
) -> str:
    file, disk, container = files(system)[name]
    body: dict[str, Any] = {
        "name": name,
        "disk_format": disk,
        "container_format": container,
        # Kernel and initrd are there for whoever boots, and in nobody's list.
        "visibility": "public" if disk == "qcow2" else "community",
        **also,
    }
    if disk == "qcow2":
        body |= {
            "min_disk": recipe.SIZE_GIB,
            "min_ram": 512,
            "kernel_id": known[f"{system.name}-kernel"],
            "ramdisk_id": known[f"{system.name}-initrd"],
            "os_command_line": recipe.KERNEL_ARGUMENTS,
            # Without it a new guest waits for random numbers.
            "hw_rng_model": "virtio",
            "os_distro": "debian",
            "os_version": system.version,
            "os_admin_user": "debian",
        }
    with (cached(system) / file).open("rb") as data:
        return send(glance, body, data)


def send(glance: Any, body: Mapping[str, Any], data: bytes | BinaryIO) -> str:
    """Make an image, and return its id. Raises DevcloudError when Glance does not take it."""
    made = glance.post("/images", json=body)
    if made.status_code != 201:
        raise DevcloudError(f"Glance did not take {body['name']}: {made.text}")
    image_id = str(made.json()["id"])
    put = glance.put(
        f"/images/{image_id}/file",
        data=data,
        headers={"Content-Type": "application/octet-stream"},
    )
    if put.status_code != 204:
        raise DevcloudError(f"Glance did not take the data of {body['name']}: {put.text}")
    return image_id

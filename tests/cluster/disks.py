"""Volumes of a cluster: disks of this machine's kernel, in files, that containers mount."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from skytier.deploy.kind import Found, Known, Wanted
from skytier.openstack.resources.volume import DATA, POSTGRESQL
from tests.cluster.container import Container
from tests.cluster.kinds import Recorded


class Volumes(Recorded):
    """Each is a file and a loop device over it, of the size that is wanted."""

    def __init__(self, home: Path) -> None:
        """`home` is where the files are."""
        super().__init__("volume")
        self._home = home
        self._devices: dict[str, str] = {}

    def create(self, wanted: Wanted, known: Known) -> Found:
        name = wanted.key.name
        file = self._home / f"volume-{name}"
        with file.open("wb") as made:
            made.truncate(wanted.attributes["size_gib"] * 1024**3)
        self._devices[name] = _run("losetup", "--find", "--show", str(file)).strip()
        facts = {"status": "available", "servers": [], "data": "", "postgresql": ""}
        found = Found(wanted.key, name, {}, facts | dict(wanted.creation))
        self.there[wanted.key] = found
        return found

    def delete(self, found: Found, tell: Callable[[str], None]) -> None:
        super().delete(found, tell)
        self._release(found.id)

    def note(self, volume_id: str, metadata: Mapping[str, str]) -> None:
        """As in the metadata of a volume of Cinder's."""
        [found] = [each for each in self.there.values() if each.id == volume_id]
        read = {DATA: "data", POSTGRESQL: "postgresql"}
        noted = {read[name]: text for name, text in metadata.items()}
        self.there[found.key] = replace(found, facts={**found.facts, **noted})

    def attach(self, volume_id: str, machine: Container) -> None:
        """A running machine has the disk from now on, its serial number is the id of the volume."""
        device = self._devices[volume_id]
        number = device.removeprefix("/dev/loop")
        # What udev notes on a server. In a container nobody tells it of a new disk.
        machine.run(
            f"mknod {device} b 7 {number} && mkdir -p /run/udev/data && "
            f"printf 'I:1\\nE:ID_SERIAL_SHORT={volume_id}\\n' >/run/udev/data/b7:{number}"
        )

    def end(self) -> None:
        """Give all devices back, once no machine has them."""
        for volume_id in list(self._devices):
            self._release(volume_id)

    def _release(self, volume_id: str) -> None:
        _run("losetup", "--detach", self._devices.pop(volume_id))
        (self._home / f"volume-{volume_id}").unlink()


@dataclass
class Attachments(Recorded):
    """Which machine has a volume. It ends with the machine."""

    volumes: Volumes | None = None
    containers: Callable[[], Mapping[str, Container]] = dict

    def find(self) -> Iterable[Found]:
        """Those of machines that are there."""
        return [each for each in super().find() if each.attributes["server"] in self.containers()]

    def create(self, wanted: Wanted, known: Known) -> Found:
        assert self.volumes
        ids = known.attributes(wanted)
        machine = self.containers()[ids["server"]]
        machine.wait()
        self.volumes.attach(ids["volume"], machine)
        return super().create(wanted, known)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

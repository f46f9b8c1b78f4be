"""Flavors of Nova."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flavor:
    """A flavor of Nova."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    """0 where it has no disk of its own: servers boot from volumes, or, on some clouds, from a disk
    as large as the image."""

    def __str__(self) -> str:
        return f"{self.name} ({self.vcpus} vCPU, {self.ram_mib} MiB, {self.disk_gib} GiB)"

"""What a cloud has beside its core, when it is asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extras:
    """Each of them comes with every later `up`, because it keeps what projects have made."""

    volumes: bool = False
    """Cinder, and Ceph to keep the volumes."""
    objects: bool = False
    """Ceph's gateway, on the same Ceph."""
    load_balancers: bool = False
    """Octavia, whose amphorae are servers of the fake host."""
    amphorae: bool = False
    """They are guests instead, and carry traffic."""

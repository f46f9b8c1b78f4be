"""The clouds that clouds.yaml names. Nothing here asks a cloud anything."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Clouds:
    """A clouds.yaml and the clouds in it."""

    file: Path | None
    """None where there is none at any of its places."""
    names: tuple[str, ...]


def find() -> Clouds:
    """The clouds.yaml that openstacksdk finds, here, in ~/.config/openstack or /etc/openstack.

    Names are sorted. A file that cannot be read raises openstacksdk's ConfigException, or what
    its YAML parser raises.
    """
    # Imported when it is needed: it takes longer than most commands.
    from openstack.config import OpenStackConfig

    config = OpenStackConfig()
    if not config.config_filename:
        return Clouds(None, ())
    clouds = config.cloud_config.get("clouds") or {}
    return Clouds(Path(config.config_filename), tuple(sorted(clouds)))


def complete(incomplete: str) -> list[str]:
    """For a shell: the names that begin like this. A broken file completes to nothing."""
    try:
        return [name for name in find().names if name.startswith(incomplete)]
    except Exception:
        return []

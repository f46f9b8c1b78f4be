"""The clouds that clouds.yaml names. Nothing here asks a cloud anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skytier.errors import SkytierError

if TYPE_CHECKING:
    from keystoneauth1.session import Session
    from openstack.config.cloud_region import CloudRegion


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
    # Where there is no cloud at all, openstacksdk makes one of this name that leads nowhere.
    names = (name for name in clouds if name != "defaults" or "auth" in clouds[name])
    return Clouds(Path(config.config_filename), tuple(sorted(names)))


def region(name: str | None, session: "type[Session] | None" = None) -> "CloudRegion":
    """What clouds.yaml says of a cloud; None takes OS_CLOUD or the environment's OS_*.

    `session` is what its connections speak through, in place of keystoneauth's own.
    Raises SkytierError, with the clouds that there are, when there is no such cloud.
    """
    from openstack.config import OpenStackConfig
    from openstack.exceptions import ConfigException

    try:
        config = OpenStackConfig(app_name="skytier", session_constructor=session)
        return config.get_one(cloud=name)
    except ConfigException as error:
        there = find()
        where = f" in {there.file}" if there.file else ""
        raise SkytierError(
            f"There is no usable cloud {name!r}: {error}",
            f"Clouds that are there{where}: {', '.join(there.names) or 'none'}. clouds.yaml is "
            "looked for here, in ~/.config/openstack/ and in /etc/openstack/.",
        ) from error


def complete(incomplete: str) -> list[str]:
    """For a shell: the names that begin like this. A broken file completes to nothing."""
    try:
        return [name for name in find().names if name.startswith(incomplete)]
    except Exception:
        return []

"""The clouds that clouds.yaml names. Nothing here asks a cloud anything."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skytier.errors import SkytierError

if TYPE_CHECKING:
    from keystoneauth1.session import Session
    from openstack.config import OpenStackConfig
    from openstack.config.cloud_region import CloudRegion

    from skytier.openstack.login.clouds_file import CloudsFile


@dataclass(frozen=True)
class Clouds:
    """A clouds.yaml and the clouds in it."""

    file: Path | None
    """None where there is none at any of its places."""
    names: tuple[str, ...]

    @property
    def usable(self) -> tuple[str, ...]:
        """What `--cloud` takes: these, and the cloud of the environment."""
        sourced = environment_name()
        return (*self.names, sourced) if sourced else self.names

    def __str__(self) -> str:
        """`near, far, and envvars of this shell's OS_* variables`; empty without any."""
        listed, sourced = ", ".join(self.names), environment_name()
        of_shell = f"{sourced} of this shell's OS_* variables" if sourced else ""
        return ", and ".join(each for each in (listed, of_shell) if each)


def find() -> Clouds:
    """The clouds.yaml that openstacksdk finds, here, in ~/.config/openstack or /etc/openstack.

    Names are sorted. Raises SkytierError for a file that cannot be read.
    """
    # Imported when it is needed: it takes longer than most commands.
    from skytier.openstack.login.clouds_entry import refuse_shape

    if file := _file():
        refuse_shape(file, "")
    config = _config()
    if not config.config_filename:
        return Clouds(None, ())
    clouds = config.cloud_config.get("clouds") or {}
    # Where there is no cloud at all, openstacksdk makes one of this name that leads nowhere.
    names = (
        name
        for name in clouds
        if (name != "defaults" or "auth" in clouds[name]) and name != environment_name()
    )
    return Clouds(Path(config.config_filename), tuple(sorted(map(str, names))))


def region(
    name: str | None, session: "type[Session] | None" = None, region_name: str | None = None
) -> "CloudRegion":
    """What clouds.yaml says of a cloud; None takes OS_CLOUD or the environment's OS_*.

    `session` is what its connections speak through, in place of keystoneauth's own. `region_name`
    is the region of it; None takes the one of the entry.
    Raises SkytierError, with the file, the line and the key, for what is wrong with it, and with
    the clouds that there are when there is no such cloud.
    """
    from openstack.exceptions import ConfigException

    from skytier.openstack.login.clouds_entry import refuse, refuse_shape
    from skytier.openstack.login.clouds_file import PLACES
    from skytier.openstack.login.unconnected import entry_error

    of_region: dict[str, Any] = {"region_name": region_name} if region_name else {}
    file, named = _file(), name or os.environ.get("OS_CLOUD")
    if file:
        refuse_shape(file, named)
    try:
        config = _config(app_name="skytier", session_constructor=session)
        known = named in config.get_cloud_names()
        if region_name and known:
            _take_region(config.cloud_config["clouds"][named], str(named), region_name)
        if known or not named:
            said = config.get_one(cloud=name, validate=False, **of_region)
            written = file if file and named and file.has("clouds", named) else None
            refuse(written, named or str(said.name), said.config)
        return config.get_one(cloud=name, **of_region)
    except SkytierError:
        raise
    except ConfigException as error:
        there = find()
        where = f" in {there.file}" if there.file else ""
        raise SkytierError(
            f"There is no usable cloud {name!r}: {error}",
            f"Clouds that are there{where}: {', '.join(there.names) or 'none'}. {PLACES}"
            f"{_sourced()}",
        ) from error
    except Exception as error:
        where = file.at("clouds", named or "", "auth") if file else "The environment"
        raise entry_error(where, named or "", error) from error


def region_of_environment(name: str) -> str | None:
    """The region of OS_REGION_NAME for a cloud of clouds.yaml that has a list of them, if it is not
    the first one, which is taken anyway.

    With OS_AUTH_URL it belongs to the cloud of the environment. An entry with `region_name` says
    already which one it is.
    """
    asked = os.environ.get("OS_REGION_NAME")
    if not asked or os.environ.get("OS_AUTH_URL"):
        return None
    try:
        file = _file()
        listed = _listed(file.data["clouds"][name]) if file else []
    except (SkytierError, KeyError, TypeError):
        return None  # what is wrong with the file is said by whoever needs it
    return asked if listed and asked != listed[0] else None


def _take_region(entry: dict[str, Any], name: str, region_name: str) -> None:
    """Have an entry lead to a region of its cloud. Raises SkytierError for one not in its list."""
    listed = _listed(entry)
    if not listed and "region_name" in entry:
        # openstacksdk takes it for the only one that there is.
        entry["region_name"] = region_name
    if listed and region_name not in listed:
        raise SkytierError(
            f"The cloud {name} has no region {region_name!r} in clouds.yaml. Its regions are "
            f"{', '.join(listed)}.",
            "Name one of them: region in the stack file, or OS_REGION_NAME.",
        )


def _listed(entry: dict[str, Any]) -> list[str]:
    """The regions of an entry, of which each is a name, or a section with a name and values."""
    regions = entry.get("regions") or []
    return [str(each.get("name") if isinstance(each, dict) else each) for each in regions]


def advice(name: str | None, do: str) -> str:
    """What to do, where a cloud's keys are those of the environment and not of clouds.yaml."""
    here = name is not None and name == environment_name()
    return do.replace("clouds.yaml", "the OS_* variables") if here else do


def environment_name() -> str | None:
    """What the cloud of the environment's OS_* is called, which a sourced openrc file sets; None
    where they are not set."""
    if not os.environ.get("OS_AUTH_URL"):
        return None
    # openstacksdk's own word for it, unless this variable has another.
    return os.environ.get("OS_CLOUD_NAME") or "envvars"


def of_shell() -> str | None:
    """The cloud that this shell names for other tools: by OS_CLOUD, or by the OS_* variables of a
    sourced openrc file. None for none."""
    return os.environ.get("OS_CLOUD") or environment_name()


def _config(**options: Any) -> "OpenStackConfig":
    """What openstacksdk reads. Raises SkytierError where two clouds have one name."""
    from openstack.config import OpenStackConfig
    from openstack.exceptions import ConfigException

    try:
        return OpenStackConfig(**options)
    except ConfigException as error:
        raise SkytierError(
            f"The clouds cannot be read: {str(error).rstrip('.')}.",
            "Give the cloud of clouds.yaml another name, or that of this shell's OS_* variables: "
            "export OS_CLOUD_NAME=shell",
        ) from error


def _sourced() -> str:
    name = environment_name()
    return f" The cloud of this shell's OS_* variables is called {name}." if name else ""


def _file() -> "CloudsFile | None":
    """The clouds.yaml. Raises SkytierError for it, and for secure.yaml, when it is no YAML."""
    from openstack.config.loader import CONFIG_FILES, SECURE_FILES

    from skytier.openstack.login import clouds_file

    if secure := clouds_file.first(SECURE_FILES, "OS_CLIENT_SECURE_FILE"):
        clouds_file.read(secure)
    found = clouds_file.first(CONFIG_FILES, "OS_CLIENT_CONFIG_FILE")
    return clouds_file.read(found) if found else None


def complete(incomplete: str) -> list[str]:
    """For a shell: the names that begin like this. A broken file completes to nothing."""
    try:
        return [name for name in find().usable if name.startswith(incomplete)]
    except Exception:
        return []

"""The stack file: what is wanted, with every default."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_PATH = Path("skytier.toml")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]


class Section(BaseModel):
    """Unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MachineSection(Section):
    """What the machines of one role are made of; None takes the stack's."""

    flavor: str | None = None
    image: str | None = None
    packages: tuple[str, ...] = ()
    """More packages to install at the first boot."""


class WebSection(MachineSection):
    """`[web]`"""

    count: int = Field(default=1, ge=1, le=100)


class DatabaseSection(MachineSection):
    """`[database]`"""


class StackFile(Section):
    """The whole file. Every key has a default."""

    name: Name = "skytier"
    cloud: str | None = None
    """A cloud of clouds.yaml; without one the stack runs on this machine."""
    image: str | None = None
    """None takes the newest Ubuntu LTS, else Debian, that the cloud has."""
    flavor: str = "m1.small"
    external_network: str | None = None
    """None takes the only one that the cloud has."""
    cidr: str = "192.168.128.0/24"
    dns: tuple[str, ...] = ()
    """Name servers of the private network; empty takes the cloud's."""
    ssh_from: tuple[str, ...] = ("0.0.0.0/0",)
    api_from: tuple[str, ...] = ()
    """Networks that may reach the application's port 8000 past Nginx."""
    floating_ip: str | None = None
    """An address of the operator's own, which is never deleted; None allocates one."""
    tls: Literal["off", "self-signed", "acme"] = "off"
    domain: str | None = None
    email: str | None = None
    labels: dict[str, str] = {}
    web: WebSection = WebSection()
    database: DatabaseSection = DatabaseSection()

"""The keys of a stack file: type, default and meaning, each said once and here.

The text below a key is its documentation: `skytier init` writes it as the comment.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from skytier.stackfile import schedule, values
from skytier.stackfile.schedule import Hours
from skytier.stackfile.section import Section, contradiction, key

DEFAULT_PATH = Path("skytier.toml")

Text = Annotated[str, AfterValidator(values.text)]
Network = Annotated[str, AfterValidator(values.network)]
Networks = Annotated[tuple[Network, ...], AfterValidator(values.addresses_once)]
Address = Annotated[str, AfterValidator(values.ipv4)]
Email = Annotated[str, AfterValidator(values.email)]
Emails = Annotated[tuple[Email, ...], BeforeValidator(values.in_a_list)]
EMAILS = "an e-mail address, or several in a list"


class MachineSection(Section):
    """What the machines of one role are made of; None takes the stack's."""

    flavor: Text | None = key(None, "the name or id of a flavor", "m1.medium")
    """The size of these machines, where it is not the stack's `flavor`."""
    image: Text | None = key(None, "the name or id of an image", "debian-12")
    """The image of these machines, where it is not the stack's `image`."""
    packages: tuple[Annotated[str, AfterValidator(values.package)], ...] = key(
        (), "names of Debian packages", ["htop"]
    )
    """More packages to install at the first boot."""

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return 1


class WebSection(MachineSection):
    """The web servers: Nginx and the application."""

    count: int = key(1, "a number from 1 to 100", ge=1, le=100, strict=True)
    """How many web servers there are."""
    schedule: tuple[Hours, ...] = key(
        (),
        "sections [[web.schedule]] with from, to, count, and perhaps days and timezone",
        [{"from": "22:00", "to": "06:00", "count": 1, "timezone": "Europe/Berlin"}],
    )
    """Other numbers of web servers at some hours, at night for example; of several that hold, the
    first counts. It takes a timer that runs `skytier up --yes` at those hours."""

    def at(self, moment: datetime) -> "WebSection":
        """The section with the number of web servers of a moment."""
        hours = schedule.at(self.schedule, moment)
        return self.model_copy(update={"count": hours.count}) if hours else self

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return self.count


class DatabaseSection(MachineSection):
    """The database server: PostgreSQL."""

    volume_gib: int | None = key(
        None, "a number of GiB from 1 to 16384", 20, ge=1, le=16384, strict=True
    )
    """Keep the data on a volume of Cinder of this size, which stays when the server is replaced.
    It may be set for a stack that is up, and made larger, never smaller. Without it the data is on
    the server's own disk."""


class MonitorSection(MachineSection):
    """The monitor: Prometheus and Alertmanager, with exporters on every machine."""

    enabled: bool = key(True, "true or false", strict=True)
    """Whether the stack is watched."""
    dedicated: bool = key(False, "true or false", strict=True)
    """Whether it has a machine of its own; else it is on the first web server, and `flavor`,
    `image` and `packages` say nothing."""
    retention: Annotated[str, AfterValidator(values.size)] = key("2GB", 'a size such as "2GB"')
    """How much history is kept on the disk; the oldest goes first. A small stack writes about
    40 MB a day."""
    latency_objective_ms: Literal[100, 250, 500, 1000, 2500] = key(
        500, "100, 250, 500, 1000 or 2500"
    )
    """Within how many milliseconds 99 of 100 requests shall be answered."""
    webhook: Annotated[str, AfterValidator(values.url)] | None = key(
        None, "an address such as https://hooks.example.org/shop", "https://hooks.example.org/shop"
    )
    """Where alerts are sent, as Alertmanager's JSON."""
    email: Emails = key((), EMAILS, "ops@example.org")
    """Whom alerts are written to. It needs `smtp_server`."""
    smtp_server: Annotated[str, AfterValidator(values.server)] | None = key(
        None, "a server with its port such as smtp.example.org:587", "smtp.example.org:587"
    )
    """The server that takes the e-mail, by TLS."""
    smtp_from: Email | None = key(None, "an e-mail address", "skytier@example.org")
    """Whom the e-mail is from; without it the first of `email`."""
    smtp_username: Text | None = key(None, "the name of an account", "skytier")
    """The account at that server. Its password comes from the variable SKYTIER_SMTP_PASSWORD when
    `up` runs, and is kept where the stack's secrets are."""

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return int(self.enabled and self.dedicated)


class CostSection(Section):
    """What the stack may cost, and by which rates."""

    rates: Text | None = key(None, "the path of a rates file", "rates.toml")
    """What things cost at the cloud, from where this file is. Without it examples are taken,
    which are no cloud's rates."""
    budget: Annotated[Decimal, Field(gt=0, le=10**12, allow_inf_nan=False)] | None = key(
        None, "an amount above 0, in the currency of the rates", 200
    )
    """What the stack may cost a month, with tax. A plan that would pass it is warned of."""
    currency: Annotated[str, AfterValidator(values.currency)] | None = key(
        None, "a code such as EUR", "EUR"
    )
    """The currency of CloudKitty's prices, which it does not say itself. A rates file says its
    own."""
    budget_enforce: bool = key(False, "true or false", strict=True)
    """Refuse a plan that would pass the budget, where it costs more than what is there."""

    @model_validator(mode="after")
    def _fits_together(self) -> "CostSection":
        if self.budget_enforce and self.budget is None:
            raise contradiction("cost.budget_enforce", "is true, which needs cost.budget")
        return self


class StackFile(Section):
    """The whole file. Every key has a default."""

    name: Annotated[str, AfterValidator(values.stack_name)] = key(
        "skytier", "2 to 32 of a-z, 0-9 and hyphens, from a letter on"
    )
    """The stack's name. The name of everything it makes begins with it and a hyphen, and carries
    it as a mark: another name is another stack."""
    cloud: Text | None = key(None, "the name of a cloud of clouds.yaml", "mycloud")
    """The cloud of clouds.yaml. Without one the stack runs on this machine."""
    image: Text | None = key(None, "the name or id of an image", "ubuntu-24.04")
    """The image of the machines: the newest active one of that name. Without it new stacks get the
    newest Ubuntu LTS, else Debian, that the cloud has, and machines that are there keep theirs."""
    flavor: Text = key("m1.small", "the name or id of a flavor")
    """The size of the machines."""
    availability_zone: Text | None = key(None, "the name of a zone of Nova", "nova")
    """Where in the cloud the machines are. Without it the cloud chooses."""
    external_network: Text | None = key(None, "the name or id of a network", "public")
    """The network that floating IPs come from. Without it the only one that the cloud has."""
    cidr: Annotated[str, AfterValidator(values.private_network)] = key(
        "192.168.128.0/24", "a private IPv4 network from /16 to /28 such as 192.168.128.0/24"
    )
    """The private network that the machines are in."""
    dns: tuple[Address, ...] = key((), "IPv4 addresses of name servers", ["9.9.9.9"])
    """Name servers of the private network. Without any the cloud's own."""
    ssh_from: Annotated[Networks, AfterValidator(values.some)] = key(
        ("0.0.0.0/0",), "IPv4 networks such as 203.0.113.0/24, at least one"
    )
    """Who may come to the bastion by SSH. This machine has to be among them."""
    api_from: Networks = key((), "IPv4 networks such as 203.0.113.0/24", ["203.0.113.0/24"])
    """Who may reach the application's port 8000 past Nginx."""
    floating_ip: Address | None = key(None, "an IPv4 address", "203.0.113.7")
    """A floating IP of your own, which is never deleted. Without it one is allocated."""
    tls: Literal["off", "self-signed", "acme"] = key("off", '"off", "self-signed" or "acme"')
    """HTTPS: none, with a certificate that nobody vouches for, or with one by ACME
    (Let's Encrypt), which needs `domain` and `email`, and one web server."""
    domain: Annotated[str, AfterValidator(values.domain)] | None = key(
        None, "a full domain name such as shop.example.org", "shop.example.org"
    )
    """The name that visitors use. With TLS by ACME the certificate is fetched by itself once the
    name leads to the floating IP, which `up` says."""
    email: Emails = key((), EMAILS, "ops@example.org")
    """Whom the certificate authority writes to when a certificate runs out."""
    acme_server: Annotated[str, AfterValidator(values.url)] = key(
        "https://acme-v02.api.letsencrypt.org/directory",
        "the address of an ACME directory",
    )
    """The certificate authority that ACME asks: Let's Encrypt, or one of your own, which the
    image's machines have to trust."""
    labels: Annotated[dict[str, str], AfterValidator(values.labels)] = key(
        {},
        'short texts such as {team = "shop"}, 45 characters with the key, no comma or slash',
        {"team": "shop"},
    )
    """What goes on every resource besides the stack's mark: team, cost centre, environment."""
    web: WebSection = WebSection()
    database: DatabaseSection = DatabaseSection()
    monitor: MonitorSection = MonitorSection()
    cost: CostSection = CostSection()

    def at(self, moment: datetime) -> "StackFile":
        """The file as it is to be followed at a moment: with the web servers of that hour."""
        return self.model_copy(update={"web": self.web.at(moment)})

    def machines(self) -> Mapping[str, MachineSection]:
        """Role to its section, for every kind of machine that the stack has.

        >>> {role: section.machines for role, section in StackFile().machines().items()}
        {'web': 1, 'database': 1}
        """
        sections = {field: getattr(self, field) for field in type(self).model_fields}
        return {
            role: section
            for role, section in sections.items()
            if isinstance(section, MachineSection) and section.machines
        }

    def image_key(self, role: str) -> str:
        """The key that names the image of a role: `web.image` where the role has its own."""
        return f"{role}.image" if self.machines()[role].image else "image"

    def image_of(self, role: str) -> str | None:
        """The image that is named for a role; None where none is."""
        return self.machines()[role].image or self.image

    def volumes(self) -> Mapping[str, int]:
        """Role to the size, in GiB, of the volume that its machine keeps its data on.

        >>> StackFile(database=DatabaseSection(volume_gib=20)).volumes()
        {'database': 20}
        """
        return {"database": gib} if (gib := self.database.volume_gib) else {}

    @model_validator(mode="after")
    def _fits_together(self) -> "StackFile":
        if self.tls == "acme":
            missing = [name for name in ("domain", "email") if not getattr(self, name)]
            if missing:
                wrong = f'is "acme", which needs {" and ".join(missing)}'
                raise contradiction("tls", wrong)
            most = max(self.web.count, *(hours.count for hours in self.web.schedule), 1)
            if most > 1:
                wrong = (
                    f'is "acme", which needs one web server, and there are {most}: the authority '
                    "asks the one that the name leads to, and each has an address of its own"
                )
                raise contradiction("tls", wrong)
        if self.monitor.email and not self.monitor.smtp_server:
            raise contradiction("monitor", "has an email, which needs smtp_server")
        private = IPv4Network(self.cidr)
        if self.floating_ip and IPv4Address(self.floating_ip) in private:
            raise contradiction("floating_ip", f"is inside the private network {self.cidr}")
        return self

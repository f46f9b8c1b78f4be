"""The sections of machines: how many there are of each role, and what they have.

The text below a key is its documentation.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PrivateAttr, Tag

from skytier.stackfile import schedule, values
from skytier.stackfile.automatic import Automatic
from skytier.stackfile.schedule import Hours
from skytier.stackfile.section import Branch, Section, branch, key

Text = Annotated[str, AfterValidator(values.text)]
Email = Annotated[str, AfterValidator(values.email)]
Emails = Annotated[tuple[Email, ...], BeforeValidator(values.in_a_list)]
RootGib = Annotated[int, Field(ge=1, le=16384, strict=True)] | None
ROOT_GIB = "a number of GiB from 1 to 16384"
Zones = Annotated[tuple[Text, ...], BeforeValidator(values.in_a_list)]
ZONE = "the name of a zone of Nova, or several in a list"
VOLUME_ZONE = "the name of a zone of Cinder, or several in a list"
EMAILS = "an e-mail address, or several in a list"


class MachineSection(Section):
    """The machines of one role; None takes the value of the stack."""

    flavor: Text | None = key(None, "the name or id of a flavor", "m1.medium")
    """The flavor of these machines. Default: the stack's `flavor`."""
    image: Text | None = key(None, "the name or id of an image", "debian-12")
    """The image of these machines. Default: the stack's `image`."""
    packages: tuple[Annotated[str, AfterValidator(values.package)], ...] = key(
        (), "names of Debian packages", ["htop"]
    )
    """Additional packages, installed at the first boot."""
    root_gib: RootGib = key(None, ROOT_GIB, 20)
    """Boot these machines from a volume of this size. Default: the stack's `root_gib`."""
    volume_type: Text | None = key(None, "the name of a volume type of Cinder", "ssd")
    """The type of the volumes of these machines. Default: the stack's `volume_type`."""
    availability_zone: Zones | None = key(None, ZONE, "nova")
    """The availability zone of these machines. Default: the stack's `availability_zone`."""
    volume_zone: Zones | None = key(None, VOLUME_ZONE, "nova")
    """The zone of the volumes of these machines. Default: the stack's `volume_zone`."""

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return 1


_Number = Annotated[int, Field(ge=1, le=100, strict=True), Tag(Branch.VALUE)]
_Count = Annotated[_Number | Annotated[Automatic, Tag(Branch.SECTION)], Discriminator(branch)]


class WebSection(MachineSection):
    """The web servers: Nginx and the application."""

    count: _Count = key(1, "a number from 1 to 100, or {min = 2, max = 6, cpu = 60}")
    """The number of web servers. With `min`, `max` and `cpu` (in percent) `skytier scale --auto`
    changes the number by the CPU in use, and `skytier up` keeps the present number."""
    image_baked: bool = key(False, "true or false", strict=True)
    """Make new web servers from an image that has their packages. The image is baked in your
    project, from `image`, and baked again when `image` or the packages change."""
    schedule: tuple[Hours, ...] = key(
        (),
        "sections [[web.schedule]] with from, to, count, and optionally days and timezone",
        [{"from": "22:00", "to": "06:00", "count": 1, "timezone": "Europe/Berlin"}],
    )
    """Another number of web servers at some hours, for example at night. If several apply, the
    first one counts. It needs a timer that runs `skytier up --yes` at those hours."""
    _usual: int = PrivateAttr(0)
    _fewest: int | None = PrivateAttr(None)

    def at(self, moment: datetime, there: int = 0) -> "WebSection":
        """The section with the number of web servers of a moment.

        `there` is how many there are: where the number is automatic, they stay.
        """
        if hours := schedule.at(self.schedule, moment):
            return self.having(hours.count)
        if isinstance(self.count, Automatic):
            return self.having(self.count.nearest(there))
        return self

    def having(self, count: int) -> "WebSection":
        """The section with a number of web servers. The limits that it allows stay."""
        now = self.model_copy(update={"count": count})
        now._usual = self.most
        now._fewest = self.least
        return now

    @property
    def automatic(self) -> Automatic | None:
        """What the number goes by; None where it is fixed."""
        return self.count if isinstance(self.count, Automatic) else None

    @property
    def machines(self) -> int:
        """How many machines there are of this role: at least, where the number is automatic."""
        return self.count.min if isinstance(self.count, Automatic) else self.count

    @property
    def most(self) -> int:
        """The largest number of machines at any hour."""
        usual = self.count.max if isinstance(self.count, Automatic) else self.count
        return max(usual, self._usual, *(hours.count for hours in self.schedule))

    @property
    def least(self) -> int:
        """The smallest number of machines at any hour."""
        fewest = self.machines if self._fewest is None else min(self._fewest, self.machines)
        return min([fewest, *(hours.count for hours in self.schedule)])


class BalancerSection(MachineSection):
    """The balancer: HAProxy, on a machine of its own or on two, or the cloud's own load balancer.
    There is none where there is never more than one web server."""

    kind: Literal["haproxy", "octavia", "auto", "none"] = key(
        "haproxy", '"haproxy", "octavia", "auto" or "none"'
    )
    """What distributes the requests over several web servers: HAProxy on a machine of the stack, or
    a load balancer of the cloud (Octavia), which has no machine: `flavor`, `image` and `packages`
    are ignored then. With "auto" it is a load balancer where the cloud has them and this file
    allows it, else HAProxy; what a stack has it keeps. With "none" each web server has a floating
    IP of its own, and nothing is in front of them."""
    count: Literal[1, 2] = key(1, "1 or 2")
    """The number of machines with HAProxy. Two share one virtual address (keepalived): when the one
    that has it is lost, the other takes it over within seconds. It needs several web servers, and a
    network that allows address pairs."""

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return self.count


class DatabaseSection(MachineSection):
    """The database: PostgreSQL. There is none if `application.requires` does not name it."""

    members: Literal[1, 2, 3] = key(1, "1, 2 or 3")
    """The number of database machines. From two on, one is the primary, the others are replicas,
    and one of these takes over when the primary is lost (Patroni, etcd)."""
    synchronous: bool = key(True, "true or false", strict=True)
    """Whether a write counts only once a replica has it too, so that none is lost with the primary.
    While no replica is connected, writes go on without one. With one member it is ignored."""
    version: int | None = key(None, "a number from 14 on", 17, ge=14, le=99, strict=True)
    """The major version of PostgreSQL. A higher one than that of the database upgrades it, which
    stops it for as long as its data is copied; a lower one is refused. What the distribution does
    not have comes from apt.postgresql.org. Default: the one that the distribution of the image
    has."""
    volume_gib: int | None = key(
        None, "a number of GiB from 1 to 16384", 20, ge=1, le=16384, strict=True
    )
    """Keep the data on a Cinder volume of this size, which stays when the server is replaced. It
    can be set for a running stack, and can grow, but never shrink. Default: the data is on the
    server's own disk."""

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return self.members


class MonitorSection(MachineSection):
    """The monitor: Prometheus and Alertmanager, with exporters on every machine."""

    enabled: bool = key(True, "true or false", strict=True)
    """Whether the stack is monitored."""
    dedicated: bool = key(False, "true or false", strict=True)
    """Whether the monitor has its own machine. If not, it runs on the first web server, and
    `flavor`, `image` and `packages` are ignored."""
    retention: Annotated[str, AfterValidator(values.size)] = key("2GB", 'a size such as "2GB"')
    """The disk space for the history of the metrics; the oldest data is deleted first. A small
    stack writes about 40 MB a day."""
    latency_objective_ms: Literal[100, 250, 500, 1000, 2500] = key(
        500, "100, 250, 500, 1000 or 2500"
    )
    """The objective for latency: 99 of 100 requests are answered within this many milliseconds."""
    webhook: Annotated[str, AfterValidator(values.url)] | None = key(
        None, "an address such as https://hooks.example.org/shop", "https://hooks.example.org/shop"
    )
    """The address that gets alerts, as the JSON of Alertmanager."""
    email: Emails = key((), EMAILS, "ops@example.org")
    """Who gets alerts by e-mail. It needs `smtp_server`."""
    smtp_server: Annotated[str, AfterValidator(values.server)] | None = key(
        None, "a server with its port such as smtp.example.org:587", "smtp.example.org:587"
    )
    """The server that sends the e-mail, with TLS."""
    smtp_from: Email | None = key(None, "an e-mail address", "skytier@example.org")
    """The sender of the e-mail. Default: the first of `email`."""
    smtp_username: Text | None = key(None, "the name of an account", "skytier")
    """The account on that server. `up` takes its password from the variable SKYTIER_SMTP_PASSWORD
    and keeps it with the stack's secrets."""

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return int(self.enabled and self.dedicated)

"""The keys of a stack file: type, default and meaning.

The text below a key is its documentation: `skytier init` writes it as the comment.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from skytier.stackfile import values
from skytier.stackfile.application import POSTGRESQL, SAMPLE, ApplicationSection
from skytier.stackfile.backup import PATH, BackupSection
from skytier.stackfile.cache import MEMBERS, CacheSection, members_on
from skytier.stackfile.machines import (
    EMAILS,
    ROOT_GIB,
    VOLUME_ZONE,
    ZONE,
    BalancerSection,
    DatabaseSection,
    Emails,
    MachineSection,
    MonitorSection,
    RootGib,
    Text,
    WebSection,
    Zones,
)
from skytier.stackfile.section import Section, contradiction, key
from skytier.stackfile.static import OWN_PATH, StaticSection
from skytier.stackfile.storage import StorageSection

DEFAULT_PATH = Path("skytier.toml")
NO_ROUTER = "none"
"""The value of `router` for a private network without a way out."""

Network = Annotated[str, AfterValidator(values.any_network)]
Networks = Annotated[tuple[Network, ...], AfterValidator(values.addresses_once)]
NETWORKS = "IPv4 or IPv6 networks such as 203.0.113.0/24"
Address = Annotated[str, AfterValidator(values.ipv4)]


class CostSection(Section):
    """The budget of the stack, and the prices."""

    rates: Text | None = key(None, "the path of a rates file", "rates.toml")
    """The prices of the cloud; the path is relative to this file. Default: the prices of the
    cloud's CloudKitty if it has one, else example rates, which are not those of any cloud."""
    budget: Annotated[Decimal, Field(gt=0, le=10**12, allow_inf_nan=False)] | None = key(
        None, "an amount above 0, in the currency of the rates", 200
    )
    """The most that the stack should cost a month, with tax. A plan above it gives a warning."""
    currency: Annotated[str, AfterValidator(values.currency)] | None = key(
        None, "a code such as EUR", "EUR"
    )
    """The currency of the prices of CloudKitty, which does not name one. A rates file names its
    own."""
    budget_enforce: bool = key(False, "true or false", strict=True)
    """Refuse a plan above the budget, if it costs more than the stack costs now."""

    @model_validator(mode="after")
    def _fits_together(self) -> "CostSection":
        if self.budget_enforce and self.budget is None:
            raise contradiction("cost.budget_enforce", "is true, which needs cost.budget")
        return self


class StackFile(Section):
    """The whole file. Every key has a default."""

    _directory: Path | None = PrivateAttr(None)
    name: Annotated[str, AfterValidator(values.stack_name)] = key(
        "skytier", "2 to 32 characters of a-z, 0-9 and hyphens, a letter first"
    )
    """The name of the stack. The names of all its resources begin with it, and it is their mark:
    another name is another stack."""
    cloud: Text | None = key(None, "the name of a cloud of clouds.yaml", "mycloud")
    """The cloud, by its name in clouds.yaml. Default: the stack runs on this machine."""
    region: Text | None = key(None, "the name of a region of the cloud", "RegionTwo")
    """The region of the cloud. Default: `region_name` of its entry in clouds.yaml; of a list
    `regions` there the one of OS_REGION_NAME, else the first."""
    image: Text | None = key(None, "the name or id of an image", "ubuntu-24.04")
    """The image of the machines: the newest active one with that name. Default: the newest Ubuntu
    LTS of the cloud, else the newest Debian; existing machines keep their image."""
    flavor: Text = key("m1.small", "the name or id of a flavor")
    """The flavor of the machines: their vCPUs, memory and disk."""
    root_gib: RootGib = key(None, ROOT_GIB, 20)
    """Boot the machines from Cinder volumes of this size, one for each machine, which are deleted
    with it. Default: only where the flavor has no disk, and then 20, or what the image needs."""
    volume_type: Text | None = key(None, "the name of a volume type of Cinder", "ssd")
    """The type of new volumes; those that are there keep theirs. Default: the cloud chooses."""
    availability_zone: Zones = key((), ZONE, "nova")
    """The availability zone of the machines. Of several ones the first machine of a role gets the
    first, the second machine the second, and so on. A machine that is there stays where it is.
    Default: the cloud chooses."""
    volume_zone: Zones = key((), VOLUME_ZONE, "nova")
    """The availability zone of new volumes: one for all, or one for each zone of
    `availability_zone`, in the same order. A volume that is there stays where it is. Default: the
    cloud chooses."""
    spread: bool = key(False, "true or false", strict=True)
    """Put the web servers, the database servers, and two balancers, on different hosts of the cloud
    where there is room (server groups, soft anti-affinity). It is for machines that are made from
    then on."""
    external_network: Text | None = key(None, "the name or id of a network", "public")
    """The network that floating IPs come from. Default: the only external network of the cloud, or
    its default. It stays for a stack that is there."""
    network: Text | None = key(None, "the name or id of a network", "provider-net")
    """A network that is there already: the machines get ports on it, and no network, subnet or
    router is made. It is never changed. "auto" is the one that Neutron makes for a project by
    itself. Default: the stack gets a private network of its own."""
    router: Text | None = key(None, "the name or id of a router", "our-router")
    """A router of the project that is there already: the private network of the stack gets an
    interface on it, and floating IPs come through its gateway. Nothing else of it is changed.
    "none", with `public = "port"`: there is no router, and the images of the machines that are not
    public have all packages. Default: the stack gets a router of its own, where one is needed."""
    subnet: Text | None = key(None, "the name or id of a subnet of `network`", "provider-subnet")
    """The subnet of `network` that the addresses come from. Default: its only IPv4 subnet."""
    public: Literal["floating-ip", "fixed", "port", "none"] = key(
        "floating-ip", '"floating-ip", "fixed", "port" or "none"'
    )
    """The address that visitors and operators come to: a floating IP; the machine's own address on
    `network`, where that one is public; that of a second port, on `public_network`; or none, so
    that the private addresses have to be reached, by a VPN for example."""
    public_network: Text | None = key(None, "the name or id of a network", "provider-net")
    """With `public = "port"`: a network that is there already, on which the entry point alone has a
    port with a public address. All machines are on the private network of the stack. It is never
    changed."""
    ssh_jump: Annotated[str, AfterValidator(values.jump_host)] | None = key(
        None, "a host, a user and a host, or a Host of ~/.ssh/config", "me@jump.example.org"
    )
    """Your own jump host, through which SSH goes to the bastion. Its address has to be in
    `ssh_from`."""
    cidr: Annotated[str, AfterValidator(values.private_network)] = key(
        "192.168.128.0/24", "a private IPv4 network from /16 to /28 such as 192.168.128.0/24"
    )
    """The addresses of the private network of the machines. With `network` they are those of its
    subnet."""
    dns: tuple[Address, ...] = key((), "IPv4 addresses of name servers", ["9.9.9.9"])
    """The name servers of the private network; ignored with `network`. Default: those of the
    cloud."""
    ipv6: bool = key(False, "true or false", True, strict=True)
    """Give the machines IPv6 addresses beside those of IPv4, and let visitors in by both. It can be
    set, and taken out again, for a running stack."""
    ipv6_cidr: Annotated[str, AfterValidator(values.ipv6_prefix)] | None = key(
        None, "an IPv6 network of 64 bits such as 2001:db8:1::/64", "2001:db8:1::/64"
    )
    """The IPv6 addresses of the private network, which your provider leads to the stack's router.
    Default: a network of 64 bits out of `ipv6_pool`."""
    ipv6_pool: Text | None = key(None, "the name or id of a subnet pool of IPv6", "public-v6")
    """The subnet pool of the cloud that the IPv6 addresses come from. Default: the cloud's default
    one."""
    ssh_from: Annotated[Networks, AfterValidator(values.some)] = key(
        ("0.0.0.0/0",), f"{NETWORKS}, at least one of IPv4"
    )
    """The networks that can reach the bastion by SSH. This machine has to be in one of them, by
    IPv4. Those of IPv6 need `ipv6`."""
    api_from: Networks = key((), NETWORKS, ["203.0.113.0/24"])
    """The networks that can reach port 8000 of the application directly, without Nginx. It needs
    web servers with floating IPs, so no balancer. Those of IPv6 need `ipv6`. Default: none."""
    floating_ip: Address | None = key(None, "an IPv4 address", "203.0.113.7")
    """Your own floating IP, which is never deleted. Default: a new one is allocated."""
    tls: Literal["off", "self-signed", "acme"] = key("off", '"off", "self-signed" or "acme"')
    """HTTPS: off, with a self-signed certificate, or with a certificate by ACME (Let's Encrypt),
    which needs `domain`, `email`, and a balancer where there are several web servers."""
    domain: Annotated[str, AfterValidator(values.domain)] | None = key(
        None, "a full domain name such as shop.example.org", "shop.example.org"
    )
    """The domain name of the site. With ACME the machine gets its certificate by itself as soon as
    the name points to the floating IP, which `up` prints."""
    email: Emails = key((), EMAILS, "ops@example.org")
    """Who gets the e-mail of the certificate authority when a certificate is about to expire."""
    acme_server: Annotated[str, AfterValidator(values.url)] = key(
        "https://acme-v02.api.letsencrypt.org/directory",
        "the address of an ACME directory",
    )
    """The ACME certificate authority: Let's Encrypt, or your own, which the image has to trust."""
    labels: Annotated[dict[str, str], AfterValidator(values.labels)] = key(
        {},
        'short texts such as {team = "shop"}, 45 characters with the key, no comma or slash',
        {"team": "shop"},
    )
    """Your own labels on every resource: team, cost centre, environment."""
    application: ApplicationSection = ApplicationSection()
    balancer: BalancerSection = BalancerSection()
    web: WebSection = WebSection()
    database: DatabaseSection = DatabaseSection()
    cache: CacheSection = CacheSection()
    monitor: MonitorSection = MonitorSection()
    backup: BackupSection = BackupSection()
    storage: StorageSection = StorageSection()
    static: StaticSection = StaticSection()
    cost: CostSection = CostSection()

    @property
    def runs(self) -> ApplicationSection:
        """The application that runs: the operator's, else the sample."""
        return self.application if self.application.is_own else SAMPLE

    @property
    def has_database(self) -> bool:
        """Whether the application needs PostgreSQL."""
        return POSTGRESQL in self.runs.requires

    @property
    def has_backups(self) -> bool:
        """Whether the database is backed up."""
        return self.backup.enabled and self.has_database

    @property
    def has_balancer(self) -> bool:
        """Whether visitors come through a balancer: at every hour if there are several web servers
        at some hours."""
        return self.balancer.kind != "none" and self.web.most > 1

    @property
    def has_load_balancer(self) -> bool:
        """Whether that is a load balancer of the cloud, and no machine of the stack."""
        return self.has_balancer and self.balancer.kind == "octavia"

    @property
    def no_load_balancer(self) -> str:
        """Why a load balancer of the cloud cannot be in front of this stack; empty where it can."""
        if self.balancer.count > 1:
            return "balancer.count is 2: the cloud decides how many machines it runs on"
        if self.tls == "acme":
            return (
                'tls is "acme": TLS ends at the web servers then, and each of them would need the '
                "certificate of the authority"
            )
        if self.cache.replicated and self.web.least < MEMBERS:
            return (
                f"cache.members is {self.cache.members}, which then needs as many web servers that "
                "are there at every hour"
            )
        if self.network:
            return (
                "`network` is set: others on that network could pretend to be the load balancer, "
                "and name any address as the visitor's"
            )
        if self.has_public_ports:
            return 'public is "port": visitors come to a machine then'
        if self.ipv6:
            return "ipv6 is true: its address is one of IPv4"
        return ""

    @property
    def shares_address(self) -> bool:
        """Whether two balancers share one virtual address."""
        return self.has_balancer and self.balancer.count > 1

    @property
    def cache_members(self) -> Sequence[tuple[str, int]]:
        """Role and number of the machines that the members of Redis are on; none for one Redis."""
        if not self.cache.replicated:
            return ()
        balancer = self.machines().get("balancer")
        return members_on(balancer.machines if balancer else 0, self.web.least)

    @property
    def has_floating_ips(self) -> bool:
        """Whether visitors and operators come to a floating IP."""
        return self.public == "floating-ip"

    @property
    def needs_external_network(self) -> bool:
        """Whether there are floating IPs, or a router of the stack's own."""
        return self.has_floating_ips or self.makes_router

    @property
    def has_public_ports(self) -> bool:
        """Whether visitors and operators come to a second port of the entry point."""
        return self.public == "port"

    @property
    def makes_router(self) -> bool:
        """Whether the private network has a router of the stack's own.

        Machines with a public port have a way out by that one.
        """
        alone = self.has_public_ports and set(self.machines()) == {"web"}
        return self.network is None and self.router is None and not alone

    @property
    def static_url(self) -> str | None:
        """Where browsers get the static files from; None where it is the site itself.

        A CDN does not reach the site of a stack on this machine.
        """
        if self.cloud is None or self.static.url is None:
            return None
        return f"{self.static.url}{next(iter(self.runs.static))}"

    @property
    def directory(self) -> Path | None:
        """Where the file is that describes an application of the operator's own; else None."""
        return self._directory

    def found_in(self, directory: Path) -> "StackFile":
        """The same, read from a file in a directory."""
        found = self.model_copy()
        found._directory = directory
        return found

    def at(self, moment: datetime, web_servers: int = 0) -> "StackFile":
        """The file as it is to be followed at a moment: with the web servers of that hour.

        `web_servers` is how many there are, which stay where their number is automatic.
        """
        return self.model_copy(update={"web": self.web.at(moment, web_servers)})

    def with_balancer(self, kind: str) -> "StackFile":
        """The same with a kind of balancer, where the file leaves that open."""
        balancer = self.balancer.model_copy(update={"kind": kind})
        return self.model_copy(update={"balancer": balancer})

    def machines(self) -> Mapping[str, MachineSection]:
        """Role to its section, for every kind of machine that the stack has.

        >>> {role: section.machines for role, section in StackFile().machines().items()}
        {'web': 1, 'database': 1}
        """
        sections = {role: getattr(self, role) for role in _roles()}
        return {
            role: section
            for role, section in sections.items()
            if section.machines
            and (role != "database" or self.has_database)
            and (role != "balancer" or (self.has_balancer and not self.has_load_balancer))
        }

    def zone_of(self, role: str, number: int) -> str | None:
        """The availability zone of a new machine by its number in its role; None for any.

        >>> StackFile(availability_zone=("a", "b")).zone_of("web", 3)
        'a'
        """
        return _in_turn(self._zones(role, "availability_zone"), number)

    def volume_zone_of(self, role: str, number: int) -> str | None:
        """The zone of the new volumes of a machine by its number in its role; None for any."""
        return _in_turn(self._zones(role, "volume_zone"), number)

    def _zones(self, role: str, name: str) -> tuple[str, ...]:
        """The zones that a key names for a role: its own, else the stack's."""
        own: tuple[str, ...] | None = getattr(self.machines()[role], name)
        stacks: tuple[str, ...] = getattr(self, name)
        return stacks if own is None else own

    def image_key(self, role: str) -> str:
        """The key that names the image of a role: `web.image` where the role has its own."""
        return f"{role}.image" if self.machines()[role].image else "image"

    def image_of(self, role: str) -> str | None:
        """The image that is named for a role; None where none is."""
        return self.machines()[role].image or self.image

    def baked(self) -> list[str]:
        """The roles whose new servers are made from a baked image.

        >>> StackFile(web=WebSection(image_baked=True)).baked()
        ['web']
        """
        return ["web"] if self.web.image_baked else []

    def root_gib_of(self, role: str) -> int | None:
        """The size of the volume that the machines of a role are asked to boot from."""
        return self.machines()[role].root_gib or self.root_gib

    def volume_type_of(self, role: str) -> str | None:
        """The type of the new volumes of a role; None for the cloud's own choice."""
        return self.machines()[role].volume_type or self.volume_type

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
            if (most := self.web.most) > 1 and not self.has_balancer:
                wrong = (
                    f'is "acme", which needs a balancer where there are {most} web servers: the '
                    "name leads to one of them only"
                )
                raise contradiction("tls", wrong)
        if self.application.directories and (most := self.web.most) > 1:
            key = "application.writable" if self.application.writable else "application.media"
            wrong = (
                f"needs one web server, and there are {most}: each would have files of its own. "
                "Keep them in the database or in an object store: "
                "docs/how-to/keep-uploads-in-an-object-store.md"
            )
            raise contradiction(key, wrong)
        if self.backup.from_replica and self.database.members == 1:
            wrong = "needs a replica: set database.members to 2 or 3"
            raise contradiction("backup.from_replica", wrong)
        if self.backup.enabled and not self.has_database:
            wrong = 'asks for backups of a database, and application.requires has no "postgresql"'
            raise contradiction("backup.kind", wrong)
        for each in self.backup.places.values():
            if each.container and each.container == self.storage.bucket:
                wrong = "is storage.bucket, which the application uses"
                raise contradiction(f"{each.section}.bucket", wrong)
        if self.api_from and self.has_balancer:
            wrong = (
                "leads to web servers that have floating IPs, and with several ones only the "
                "balancer has one. Remove it, or have no balancer"
            )
            raise contradiction("api_from", wrong)
        if self.storage.bucket and self.runs.outgoing == ("stack",):
            wrong = (
                'needs an application of your own, with application.outgoing = "any" or the '
                "networks of the object store"
            )
            raise contradiction("storage.bucket", wrong)
        for name in ("url", "bucket"):
            if getattr(self.static, name) and not self.runs.static:
                raise contradiction(f"static.{name}", "needs static files: application.static")
        static = next((each for each in self.runs.static if each.startswith(OWN_PATH)), "")
        if self.static.bucket and static:
            wrong = f"has {static}, which Skytier itself needs in static.bucket"
            raise contradiction("application.static", wrong)
        others = {each.bucket: f"{each.section}.bucket" for each in self.backup.places.values()}
        others[self.storage.bucket] = "storage.bucket"
        if self.static.bucket and (other := others.get(self.static.bucket)):
            wrong = f"is {other}, and everybody may read what is in static.bucket"
            raise contradiction("static.bucket", wrong)
        if self.monitor.email and not self.monitor.smtp_server:
            raise contradiction("monitor", "has an email, which needs smtp_server")
        if not self.has_database and (named := sorted(self.database.model_fields_set)):
            wrong = 'is set, and application.requires does not have "postgresql"'
            raise contradiction(f"database.{named[0]}", wrong)
        self._check_network()
        self._check_ipv6()
        self._check_balancers()
        self._check_cache()
        self._check_zones()
        private = IPv4Network(self.cidr)
        if self.floating_ip and IPv4Address(self.floating_ip) in private:
            raise contradiction("floating_ip", f"is inside the private network {self.cidr}")
        return self

    def _check_network(self) -> None:
        """Raises ValueError for keys that contradict each other."""
        if self.public == "fixed" and not self.network:
            raise contradiction("public", 'is "fixed", which needs `network`, a public one')
        lets_encrypt = type(self).model_fields["acme_server"].default
        if self.tls == "acme" and self.public == "none" and self.acme_server == lets_encrypt:
            wrong = (
                'is "acme", and with public = "none" Let\'s Encrypt does not reach the stack. Name '
                'an authority of your own (acme_server), or set tls = "self-signed"'
            )
            raise contradiction("tls", wrong)
        self._check_public_port()
        if self.subnet and not self.network:
            raise contradiction("subnet", "needs `network`")
        if self.router and self.network:
            wrong = "is for a private network of the stack's own: take `network` or `router` out"
            raise contradiction("router", wrong)
        if self.network and self.cidr != type(self).model_fields["cidr"].default:
            raise contradiction("cidr", "is what `network` has already: take one of the two out")
        if self.floating_ip and not self.has_floating_ips:
            raise contradiction("floating_ip", f'is set, and public is "{self.public}"')

    def _check_ipv6(self) -> None:
        """Raises ValueError for keys of IPv6 that contradict each other."""
        for name in ("ssh_from", "api_from"):
            of_ipv6 = [each for each in getattr(self, name) if ":" in each]
            if of_ipv6 and not self.ipv6:
                raise contradiction(name, f"has {of_ipv6[0]}, which needs ipv6 = true")
        if all(":" in each for each in self.ssh_from):
            wrong = "has no IPv4 network, and Skytier enters the machines by IPv4"
            raise contradiction("ssh_from", wrong)
        for name in ("ipv6_cidr", "ipv6_pool"):
            if getattr(self, name) and not self.ipv6:
                raise contradiction(name, "needs ipv6 = true")
            if getattr(self, name) and self.network:
                raise contradiction(name, "is what `network` has already: take one of the two out")
        if self.ipv6_cidr and self.ipv6_pool:
            raise contradiction("ipv6_pool", "is not needed with ipv6_cidr: take one of them out")
        if self.ipv6 and self.public == "none":
            wrong = (
                'is true, and public is "none": IPv6 addresses are not translated, so the machines '
                "would have public ones"
            )
            raise contradiction("ipv6", wrong)
        if self.ipv6 and self.has_public_ports:
            raise contradiction("ipv6", 'is true, and public is "port", which has IPv4 alone')
        if self.ipv6 and self.network == "auto":
            wrong = (
                'is true, and whether network = "auto" has IPv6 is not known before it is made. '
                "Once it is there, name it by its name"
            )
            raise contradiction("ipv6", wrong)

    def _check_balancers(self) -> None:
        """Raises ValueError where two balancers can share no address, or there can be no load
        balancer."""
        if self.balancer.kind == "octavia" and (why := self.no_load_balancer):
            raise contradiction("balancer.kind", f'is "octavia", and {why}. Take one of them out')
        if self.balancer.count == 1:
            return
        if not self.has_balancer:
            why = (
                'balancer.kind is "none"'
                if self.balancer.kind == "none"
                else "there is never more than one web server: set web.count to 2 or more"
            )
            raise contradiction("balancer.count", f"is {self.balancer.count}, and {why}")
        if self.has_public_ports:
            wrong = (
                'is 2, and public is "port": on a network of others an address goes with its port, '
                "so two balancers cannot share it"
            )
            raise contradiction("balancer.count", wrong)
        if self.ipv6:
            wrong = (
                "is 2, and ipv6 is true: the virtual address is one of IPv4, so visitors who come "
                "by IPv6 would have one balancer alone. Take one of the two out"
            )
            raise contradiction("balancer.count", wrong)

    def _check_cache(self) -> None:
        """Raises ValueError where there are too few machines for the members of Redis."""
        if self.cache.replicated and len(there := self.cache_members) < MEMBERS:
            are = "is 1" if len(there) == 1 else f"are {len(there)}"
            wrong = (
                f"is {self.cache.members}, which needs three web servers and balancers that are "
                f"there at every hour, and there {are}. "
                "Set web.count to 3, or to 2 with a balancer"
            )
            raise contradiction("cache.members", wrong)

    def _check_zones(self) -> None:
        """Raises ValueError where nobody can tell which zone of volumes is for which machines."""
        for role, section in self.machines().items():
            of_machines = len(self._zones(role, "availability_zone"))
            of_volumes = len(self._zones(role, "volume_zone"))
            if of_volumes in (0, 1, of_machines):
                continue
            is_own = section.volume_zone is not None or section.availability_zone is not None
            own = f"{role}.volume_zone" if is_own else "volume_zone"
            wrong = (
                f"names {of_volumes} zones for the volumes of the {role} machines, and "
                f"availability_zone {of_machines or 'none'} for these. Name one zone for all these "
                f"volumes ({own}), or one for each zone of the machines, in their order"
            )
            raise contradiction(own if section.volume_zone is not None else "volume_zone", wrong)

    def _check_public_port(self) -> None:
        """Raises ValueError for keys of a public port that contradict each other."""
        if self.has_public_ports and not self.public_network:
            raise contradiction("public", 'is "port", which needs `public_network`')
        if self.public_network and not self.has_public_ports:
            raise contradiction("public_network", f'is set, and public is "{self.public}"')
        if self.has_public_ports and self.network:
            wrong = (
                'is "port", which is for a private network of the stack\'s own: take `network` '
                'out, or have all machines on it, with public = "fixed"'
            )
            raise contradiction("public", wrong)
        if self.router == NO_ROUTER:
            if not self.has_public_ports:
                raise contradiction("router", 'is "none", which needs public = "port"')
            private = [name for name in self.machines() if name not in ("balancer", "web")]
            private += ["web"] if self.has_balancer else []
            if plain := [name for name in private if self.image_of(name) is None]:
                wrong = (
                    f'is "none", so the machines of {" and ".join(plain)} have no way out to get '
                    "packages. Name images that have them all (image), or leave router out"
                )
                raise contradiction("router", wrong)
            for place in self.backup.places.values():
                if place.kind != PATH:
                    wrong = (
                        f'is "{place.kind}", and router is "none": the database server has no way '
                        'out to there. Take kind = "path", or leave router out'
                    )
                    raise contradiction(f"{place.section}.kind", wrong)
            if self.storage.bucket and "web" in private:
                wrong = (
                    'is set, and router is "none": the web servers behind the balancer have no way '
                    "out to the object store. Take it out, or leave router out"
                )
                raise contradiction("storage.bucket", wrong)


def _in_turn(zones: Sequence[str], number: int) -> str | None:
    return zones[(number - 1) % len(zones)] if zones else None


@cache
def _roles() -> tuple[str, ...]:
    """The keys that are sections of machines. A plan asks for the machines some hundred times."""
    fields = StackFile.model_fields.items()
    return tuple(name for name, field in fields if isinstance(field.default, MachineSection))

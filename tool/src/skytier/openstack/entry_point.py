"""Where a stack's visitors come in."""

import socket
from collections.abc import Container, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from skytier import health
from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.health import Answer
from skytier.roles import ROLES
from skytier.roles.role import public_role
from skytier.stackfile import StackFile

CHECK_TIMEOUT_S = 60.0
FRONT = next(role.name for role in ROLES.values() if role.fronts)
"""The role whose machines can share an address."""
BEHIND = ROLES[FRONT].fronts
"""The role whose visitors come through these, or through a load balancer."""


def address_of(stack: StackFile) -> Key:
    """What has the address of the entry point, the first machine of the public role: its floating
    IP, its public port, or its port where there are none.

    Where two machines share one address, or a load balancer has it, it is the floating IP of that,
    or what holds it.
    """
    if holds := _held_by(stack):
        return Key("floating IP", holds.name) if stack.has_floating_ips else holds
    kind = {"floating-ip": "floating IP", "port": "public port"}.get(stack.public, "port")
    return Key(kind, first_public(stack))


def first_public(stack: StackFile) -> str:
    """The name of the first machine of the public role."""
    return f"{stack.name}-{public_role(stack, ROLES)}-1"


def virtual_address(stack: str) -> Key:
    """What holds the private address that two machines share; `stack` is the name of theirs."""
    return Key("virtual port", f"{stack}-{FRONT}")


def load_balancer_address(stack: str) -> Key:
    """What holds the private address of a load balancer; `stack` is the name of its stack."""
    return Key("virtual port", f"{stack}-load-balancer")


def was_held(held: Key, there: Container[Key]) -> bool:
    """Whether an address that machines share, or a load balancer's, was there before: what needs it
    is there, if not what holds it."""
    needs_it = (Key("load balancer", held.name), Key("port", f"{held.name}-2"))
    return held in there or any(key in there for key in needs_it)


def _held_by(stack: StackFile) -> Key | None:
    """What holds the private address that visitors come to; None where a machine has it."""
    if stack.has_load_balancer:
        return load_balancer_address(stack.name)
    return virtual_address(stack.name) if stack.shares_address else None


def ipv6_of(stack: StackFile, machine: str, known: Mapping[Key, Found]) -> str:
    """The IPv6 address of a machine; empty while it is not known, and for a stack without IPv6."""
    port = known.get(Key("port", machine)) if stack.ipv6 else None
    return (port.facts.get("ipv6") or "") if port else ""


def leads_to(address: Key, known: Mapping[Key, Found]) -> str:
    """The name of the port that a floating IP, or a port, leads to now, which is that of a machine
    or of a virtual address, or a load balancer's; empty for none."""
    found = known.get(address)
    if address.kind != "floating IP":
        return address.name if found else ""
    port = found.attributes.get("port") if found else None
    kinds = ("port", "virtual port")
    return next((k.name for k, f in known.items() if k.kind in kinds and f.id == port), "")


def another_address(stack: StackFile, there: Mapping[Key, Found]) -> str:
    """What to know where visitors come to another machine than before, at its own address; empty
    where the address stays. A floating IP moves, which an IPv6 address does not.

    `there` is all that is there before.
    """
    key = _before(stack, there)
    port = there.get(key) if key else None
    before = key.name if key else ""
    of_ipv6 = ipv6_of(stack, before, there)
    old = of_ipv6 if stack.has_floating_ips or port is None else port.facts["address"]
    if not old:
        return ""
    addresses = f"{old} and {of_ipv6}" if of_ipv6 and of_ipv6 != old else old
    return (
        f"The entry point becomes {address_of(stack).name}, in the place of {before}. Its address "
        f"is another one than {addresses}, where visitors get no answer from then on: change your "
        "DNS names."
    )


def _before(stack: StackFile, there: Mapping[Key, Found]) -> Key | None:
    """The port that visitors come to now, where that is not to be theirs any more.

    None also where it is lost, since nobody knows its address then.
    """
    role, holds = public_role(stack, ROLES), _held_by(stack)
    for held in (virtual_address(stack.name), load_balancer_address(stack.name)):
        if was_held(held, there):
            return held if held in there and held != holds else None
    ports = {name: Key("port", f"{stack.name}-{name}-1") for name in ROLES}
    are_there = [name for name in ROLES if ports[name] in there]
    if in_front := next((ports[name] for name in are_there if ROLES[name].fronts == role), None):
        return in_front
    if role in are_there:
        return ports[role] if holds else None
    behind = ROLES[role].fronts
    return ports[behind] if behind in are_there else None


@dataclass(frozen=True)
class EntryPoint:
    """The way in through the address of the first public machine."""

    stack: StackFile
    known: Mapping[Key, Found]

    @property
    def url(self) -> str:
        """`http://203.0.113.7`, `https://shop.example.org`; empty without an address."""
        scheme = "http" if self.stack.tls == "off" else "https"
        host = self.stack.domain or self.address
        return f"{scheme}://{host}" if host else ""

    @property
    def address(self) -> str:
        """The address of the entry point; empty while there is none."""
        ip = self.known.get(address_of(self.stack))
        return ip.facts["address"] if ip else ""

    @property
    def ipv6_url(self) -> str:
        """`http://[2001:db8::7]`: the entry point by IPv6, at its address also where it has a name.

        Empty for a stack without IPv6, and while there is no address.
        """
        address = ipv6_of(self.stack, address_of(self.stack).name, self.known)
        scheme = "http" if self.stack.tls == "off" else "https"
        return f"{scheme}://[{address}]" if address else ""

    def ask_by_ipv6(self) -> str:
        """What keeps visitors out by IPv6, as a sentence; empty where nothing is known to.

        It is asked from here only where this machine has a way to other networks by IPv6.
        """
        url = self.ipv6_url
        if not url:
            return ""
        router = next((each for key, each in self.known.items() if key.kind == "router"), None)
        if router and not router.facts.get("ipv6"):
            return (
                "The external network has given the router no IPv6 address, so nobody outside "
                "reaches the machines by IPv6."
            )
        if not _has_way_to(url) or health.ask(
            f"{url}{self.stack.runs.health}", tls=health.unverified()
        ):
            return ""
        through = f", {router.facts['ipv6']}" if router else ""
        return (
            f"{url} does not answer from here. Is the IPv6 network of the machines led to the "
            f"router{through}?"
        )

    @property
    def is_asked(self) -> bool:
        """Whether this machine can reach it, and not only through a jump host."""
        return self.stack.ssh_jump is None or self.stack.public != "none"

    def ask(self) -> Answer:
        """What the application's health path says now."""
        return health.ask(f"{self.url}{self.stack.runs.health}", tls=self._trust())

    def wait(self) -> None:
        """Wait until the application answers from outside. Raises SkytierError.

        By its address while its certificate may not be there yet. Where only a jump host leads to
        the machines, nobody here can ask: each machine was asked for its health by SSH.
        """
        if not self.is_asked:
            return
        url, trust = self.url, self._trust()
        if self.stack.tls == "acme":
            url, trust = f"https://{self.address}", health.unverified()
        url += self.stack.runs.health
        answer = health.wait(url, CHECK_TIMEOUT_S, trust)
        if answer:
            return
        raise SkytierError(
            f"All machines are healthy, but {url} does not answer from here: {answer}",
            "Check that this machine reaches the cloud's external network, and that the name "
            "leads to the floating IP; see skytier status."
            if self.stack.has_floating_ips
            else "Check that this machine reaches the network of the machines, and that the name "
            f"leads to {self.address}; see skytier status.",
        )

    def waits_for(self) -> str:
        """What has to happen outside the stack before visitors get in; empty for nothing.

        `waiting for DNS: point shop.example.org to 203.0.113.7`; with IPv6 also the address of its
        AAAA record.
        """
        if self.stack.tls != "acme" or not self.is_asked or self.ask():
            return ""
        if self.address in _addresses(str(self.stack.domain)):
            return f"waiting for the certificate of {self.stack.domain}: see skytier status"
        ipv6 = ipv6_of(self.stack, address_of(self.stack).name, self.known)
        both = f"{self.address} (A) and {ipv6} (AAAA)" if ipv6 else self.address
        return f"waiting for DNS: point {self.stack.domain} to {both}"

    def _trust(self) -> health.Trust:
        # A certificate that the stack signed itself is known to nobody.
        return health.unverified() if self.stack.tls == "self-signed" else health.verified()


def _addresses(name: str) -> set[str]:
    """Where a name leads."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, 443, socket.AF_INET)}
    except OSError:
        return set()


def _has_way_to(url: str) -> bool:
    """Whether this machine has a route to the IPv6 address of a URL. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect((urlsplit(url).hostname, 80))
    except OSError:
        return False
    return True

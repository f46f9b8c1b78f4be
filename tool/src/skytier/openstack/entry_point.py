"""Where a stack's visitors come in."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from skytier import health
from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.health import Answer
from skytier.roles import ROLES
from skytier.roles.role import public_role
from skytier.stackfile import StackFile

CHECK_TIMEOUT_S = 60.0


def address_of(stack: StackFile) -> Key:
    """What has the address of the entry point, the first machine of the public role: its floating
    IP, its public port, or its port where there are none."""
    kind = {"floating-ip": "floating IP", "port": "public port"}.get(stack.public, "port")
    return Key(kind, f"{stack.name}-{public_role(stack, ROLES)}-1")


def leads_to(address: Key, known: Mapping[Key, Found]) -> str:
    """The name of the machine that a floating IP, or a port, leads to now; empty for none."""
    found = known.get(address)
    if address.kind != "floating IP":
        return address.name if found else ""
    port = found.attributes.get("port") if found else None
    return next((k.name for k, f in known.items() if k.kind == "port" and f.id == port), "")


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
            f"All machines are well, and {url} does not answer from here: {answer}",
            "Check that this machine reaches the cloud's external network, and that the name "
            "leads to the floating IP; see skytier status."
            if self.stack.has_floating_ips
            else "Check that this machine reaches the network of the machines, and that the name "
            f"leads to {self.address}; see skytier status.",
        )

    def waits_for(self) -> str:
        """What has to happen outside the stack before visitors get in; empty for nothing.

        `waiting for DNS: point shop.example.org to 203.0.113.7`
        """
        if self.stack.tls != "acme" or not self.is_asked or self.ask():
            return ""
        if self.address in _addresses(str(self.stack.domain)):
            return f"waiting for the certificate of {self.stack.domain}: see skytier status"
        return f"waiting for DNS: point {self.stack.domain} to {self.address}"

    def _trust(self) -> health.Trust:
        # A certificate that the stack signed itself is known to nobody.
        return health.unverified() if self.stack.tls == "self-signed" else health.verified()


def _addresses(name: str) -> set[str]:
    """Where a name leads."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, 443, socket.AF_INET)}
    except OSError:
        return set()

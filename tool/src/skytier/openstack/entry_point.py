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


def floating_ip(stack: StackFile) -> Key:
    """The floating IP of the entry point: the first machine of the role that has floating IPs."""
    return Key("floating IP", f"{stack.name}-{public_role(stack, ROLES)}-1")


def leads_to(address: Key, known: Mapping[Key, Found]) -> str:
    """The name of the machine that a floating IP leads to now; empty for none."""
    found = known.get(address)
    port = found.attributes.get("port") if found else None
    return next((k.name for k, f in known.items() if k.kind == "port" and f.id == port), "")


@dataclass(frozen=True)
class EntryPoint:
    """The way in through the floating IP of the first public machine."""

    stack: StackFile
    known: Mapping[Key, Found]

    @property
    def url(self) -> str:
        """`http://203.0.113.7`, `https://shop.example.org`; empty without a floating IP."""
        scheme = "http" if self.stack.tls == "off" else "https"
        host = self.stack.domain or self.address
        return f"{scheme}://{host}" if host else ""

    @property
    def address(self) -> str:
        """The floating IP; empty without one."""
        ip = self.known.get(floating_ip(self.stack))
        return ip.facts["address"] if ip else ""

    def ask(self) -> Answer:
        """What the application's health path says now."""
        return health.ask(f"{self.url}{self.stack.runs.health}", tls=self._trust())

    def wait(self) -> None:
        """Wait until the application answers from outside. Raises SkytierError.

        By its address while its certificate may not be there yet.
        """
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
            "leads to the floating IP; see skytier status.",
        )

    def waits_for(self) -> str:
        """What has to happen outside the stack before visitors get in; empty for nothing.

        `waiting for DNS: point shop.example.org to 203.0.113.7`
        """
        if self.stack.tls != "acme" or self.ask():
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

"""Where a stack's visitors come in."""

from collections.abc import Mapping
from dataclasses import dataclass

from skytier import health
from skytier.errors import SkytierError
from skytier.health import Answer
from skytier.resources.kind import Found, Key
from skytier.stack import StackFile

CHECK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class FrontDoor:
    """The way in through the floating IP of the first web server."""

    stack: StackFile
    known: Mapping[Key, Found]

    @property
    def url(self) -> str:
        """`http://203.0.113.7`, `https://shop.example.org`; empty without a floating IP."""
        ip = self.known.get(Key("floating IP", f"{self.stack.name}-web-1"))
        scheme = "http" if self.stack.tls == "off" else "https"
        host = self.stack.domain or (ip.facts["address"] if ip else "")
        return f"{scheme}://{host}" if host else ""

    def ask(self) -> Answer:
        """What /health says now."""
        return health.ask(f"{self.url}/health", tls=self._trust())

    def wait(self) -> None:
        """Wait until the application answers from outside. Raises SkytierError."""
        answer = health.wait(f"{self.url}/health", CHECK_TIMEOUT_S, self._trust())
        if answer:
            return
        raise SkytierError(
            f"All machines are well, and {self.url}/health does not answer from here: {answer}",
            "Check that this machine reaches the cloud's external network, and that the name "
            "leads to the floating IP; see skytier status.",
        )

    def _trust(self) -> health.Trust:
        # A certificate that the stack signed itself is known to nobody.
        return health.unverified() if self.stack.tls == "self-signed" else health.verified()

"""What the application says of itself."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from skytier.poll import until

TIMEOUT_S = 5.0
# The front door of this machine speaks plain HTTP. Without this each question would first read
# the system's certificates, which takes longer than the answer.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Answer:
    """The answer to a request: its status (None when there was none), and what was said."""

    status: int | None
    text: str

    def __bool__(self) -> bool:
        return self.status == httpx.codes.OK

    def __str__(self) -> str:
        return self.text if self.status is None else f"{self.status} {self.text}"


def ask(url: str, socket: Path | None = None) -> Answer:
    """GET an address, through a unix socket when one is named."""
    transport = httpx.HTTPTransport(uds=str(socket) if socket else None, verify=_NO_TLS)
    try:
        # Proxies of the environment are for the outside; this is our own machine.
        with httpx.Client(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
            response = client.get(url)
            return Answer(response.status_code, response.text.strip()[:500])
    except httpx.HTTPError as error:
        return Answer(None, f"no answer ({error})")


def wait(url: str, timeout_s: float) -> Answer:
    """Ask until the answer is 200, at most `timeout_s` seconds. Returns the last answer."""
    return until(lambda: ask(url), timeout_s, every_s=0.2)

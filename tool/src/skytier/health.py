"""What the application says of itself."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from skytier.poll import until

TIMEOUT_S = 5.0
# Trusts nobody. For plain HTTP: to read the system's certificates takes longer than the answer.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Trust = ssl.SSLContext
"""Whose certificates are believed."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request: its status (None when there was none), and what was said."""

    status: int | None
    text: str
    path: str = ""

    def __bool__(self) -> bool:
        """Whether the application is ready."""
        # Who is redirected, or has to sign in, was answered by it too; and it need not have a page.
        answered = (401, 403, 404) if self.path == "/" else (401, 403)
        return self.status is not None and (200 <= self.status < 400 or self.status in answered)

    def __str__(self) -> str:
        if self.status is None:
            return self.text
        # Of a page, its title.
        page = re.search(r"<title>\s*(.*?)\s*</title>", self.text, re.DOTALL | re.IGNORECASE)
        said = f"{self.status} {' '.join((page[1] if page else self.text).split())}"
        if self.status == 400:
            said += " (so Django answers to a host that is not among its ALLOWED_HOSTS)"
        return said


def verified() -> Trust:
    """Believes whom the system believes."""
    return ssl.create_default_context()


def unverified() -> Trust:
    """Takes any certificate: for a question that says nothing and whose answer decides little."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(url: str, socket: Path | None = None, tls: Trust = _NO_TLS) -> Answer:
    """GET an address, through a unix socket when one is named."""
    transport = httpx.HTTPTransport(uds=str(socket) if socket else None, verify=tls)
    try:
        # Proxies of the environment are for the outside; this is our own machine.
        with httpx.Client(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
            response = client.get(url)
            path = httpx.URL(url).path
            return Answer(response.status_code, response.text.strip()[:500], path)
    except httpx.HTTPError as error:
        return Answer(None, f"no answer ({error})")


def wait(url: str, timeout_s: float, tls: Trust = _NO_TLS) -> Answer:
    """Ask until the application is ready, at most `timeout_s` seconds. Returns the last answer."""
    return until(lambda: ask(url, tls=tls), timeout_s, every_s=0.2)

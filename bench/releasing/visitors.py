"""Visitors of an application that is released meanwhile, and what they got."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

SLOW_S = 20
EVERY_S = 0.05


@dataclass(frozen=True)
class Visitor:
    """Somebody who sends one kind of request again and again."""

    name: str
    method: str
    path: str
    body: bytes | None = None
    keeps_connection: bool = True
    answer: str | None = None
    """What has to come back; None for any text."""


VISITORS = (
    Visitor("get", "GET", "/"),
    Visitor("get, new connections", "GET", "/", keeps_connection=False),
    Visitor("post", "POST", "/length", b"x" * 10_000, answer="10000"),
    Visitor("post, new connections", "POST", "/length", b"x", keeps_connection=False, answer="1"),
    Visitor(f"{SLOW_S} s", "GET", f"/slow?seconds={SLOW_S}", answer="slow"),
)


@dataclass
class Seen:
    """What they got. A slowest answer is in seconds, by the visitor's name."""

    requests: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, visitor: Visitor, said: str | None, seconds: float) -> None:
        """Count a request; `said` is what went wrong."""
        with self._lock:
            self.requests += 1
            self.slowest[visitor.name] = max(self.slowest.get(visitor.name, 0), seconds)
            if said:
                self.failed[f"{visitor.name}: {said}"] += 1


@contextmanager
def visiting(url: str, visitors: Sequence[Visitor] = VISITORS) -> Iterator[Seen]:
    """Have visitors for the time of a block. Their last requests are waited for."""
    seen, ended = Seen(), threading.Event()
    threads = [threading.Thread(target=_visit, args=(url, each, seen, ended)) for each in visitors]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _visit(url: str, visitor: Visitor, seen: Seen, ended: threading.Event) -> None:
    client = _client(url)
    while not ended.is_set():
        began = time.monotonic()
        seen.add(visitor, _failure(client, visitor), time.monotonic() - began)
        if not visitor.keeps_connection:
            client.close()
            client = _client(url)
        ended.wait(EVERY_S)
    client.close()


def _client(url: str) -> httpx.Client:
    # Whoever measures may use a certificate of the stack's own.
    return httpx.Client(base_url=url, timeout=120, verify=False, follow_redirects=True)  # noqa: S501


def _failure(client: httpx.Client, visitor: Visitor) -> str | None:
    try:
        answer = client.request(visitor.method, visitor.path, content=visitor.body)
    except httpx.HTTPError as error:
        return repr(error)
    if answer.status_code != 200:
        return str(answer.status_code)
    if visitor.answer is not None and answer.text != visitor.answer:
        return f"another answer: {answer.text[:60]}"
    return None

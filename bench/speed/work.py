"""What is asked for: each kind of work as the requests that the load generator goes through."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from bench.speed.database import Database
from skytier_app.demo_text import post
from skytier_app.pagination import encode_cursor

WORK = {
    "one": "one post of all, at random",
    "list": "the first 20 posts",
    "page": "20 posts in the middle, by cursor",
    "search": "the newest 20 posts that match some words",
    "health": "GET /health, which asks the database",
    # Those that write come last: what they leave is no part of what the others read.
    "create": "POST a post, signed in by an API token",
    "mixed": "nine times `one`, then `create`",
}
"""Every kind of work, in words."""
WORDS = (
    *("lighthouses", "sourdough", "bicycle repair", "night trains", "old maps", "tide tables"),
    *("Lisbon harbour", "Kyoto", "chamber music", "barn owls", '"winter markets"', "Trieste tea"),
)
SHORT, LONG = 1000, 5000
READS_FOR_A_WRITE = 9


@dataclass(frozen=True)
class Request:
    """A request as a client sends it."""

    path: str
    method: str = "GET"
    body: bytes = b""
    token: str | None = None
    cached: bool = False
    """Whether Nginx may answer from its cache, which it does for those who show no cookie."""

    @property
    def headers(self) -> dict[str, str]:
        """What a client sends besides Host."""
        found = {} if self.cached else {"Cookie": "cached=no"}
        found |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.body:
            found |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        return found

    def raw(self, host: str) -> bytes:
        """The request as it goes over the wire."""
        fields = {"Host": host, **self.headers}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Works = Mapping[str, Sequence[Request]]


def works(database: Database) -> Works:
    """Every kind of work. The same requests in every run on the same data."""
    rng = random.Random(8)  # noqa: S311
    one = [Request(f"/api/posts/{rng.randint(1, database.posts)}") for _ in range(LONG)]
    create = [_create(rng, database.tokens) for _ in range(SHORT)]
    mixed: list[Request] = []
    for number in range(SHORT // 2):
        mixed += one[number * READS_FOR_A_WRITE : (number + 1) * READS_FOR_A_WRITE]
        mixed.append(create[number])
    return {
        "one": one,
        "list": [Request("/api/posts")],
        "page": [Request(f"/api/posts?cursor={cursor}") for cursor in _cursors(database, rng)],
        "search": [Request(f"/api/posts?{urlencode({'q': words})}") for words in WORDS],
        "health": [Request("/health")],
        "create": create,
        "mixed": mixed,
    }


def _create(rng: random.Random, tokens: Sequence[str]) -> Request:
    title, content = post(rng)
    body = json.dumps({"title": title, "content": content}).encode()
    return Request("/api/posts", "POST", body, rng.choice(tokens))


def _cursors(database: Database, rng: random.Random) -> list[str]:
    # From the middle half: every page is a full one.
    middle = range(database.posts // 4, database.posts * 3 // 4)
    ids = rng.sample(middle, min(SHORT, len(middle)))
    rows = database.query("SELECT created_at, id FROM posts WHERE id = ANY($1) ORDER BY id", ids)
    cursors = [encode_cursor(row["created_at"], row["id"]) for row in rows]
    rng.shuffle(cursors)
    return cursors

"""Whether all contenders give the same answers: looked at before anything is timed."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bench.speed.server import Answer, Server
from bench.speed.work import Request, Works
from skytier.errors import SkytierError

EACH = 5
"""How many requests of each kind of work are compared."""
LONGEST = 400
MADE_ANEW = ("id", "created_at", "updated_at")
"""What two posts that were created alike differ in."""
REFUSALS = {
    "a post that is not there": (Request("/api/posts/999999999999"), {404}),
    "an id that is no number": (Request("/api/posts/first"), {404, 422, 400}),
    "a limit of 1000": (Request("/api/posts?limit=1000"), {422, 400}),
    "a post by a stranger": (Request("/api/posts", "POST", b'{"title":"a","content":"b"}'), {401}),
}
"""What has to be refused, and the statuses that are right for it."""


def compare(servers: Sequence[Server], product: Server, works: Works) -> None:
    """Raises SkytierError when a contender does not answer as the product does."""
    found = [
        f"{server.name}: {difference}"[:LONGEST]
        for server in servers
        for difference in differences(server, product, works)
    ]
    if found:
        raise SkytierError(
            "These do not answer as the product does, and nothing was timed:\n" + "\n".join(found),
            "Correct them in bench/peers/, or leave them out with --only.",
        )


def differences(server: Server, product: Server, works: Works) -> Iterator[str]:
    """Each request that two servers answer differently, in words."""
    for work, requests in works.items():
        for request in requests[:EACH]:
            mine, theirs = meaning(product.ask(request), work), meaning(server.ask(request), work)
            if mine != theirs:
                yield f"{work}, {request.method} {request.path}: {theirs} and not {mine}"
    token = works["create"][0].token
    refusals = {
        **REFUSALS,
        "a post without content": (
            Request("/api/posts", "POST", b'{"title":"a","content":""}', token),
            {422, 400},
        ),
    }
    for what, (request, right) in refusals.items():
        if (status := server.ask(request).status) not in right:
            yield f"{what} is answered with {status}"


def meaning(answer: Answer, work: str) -> Any:
    """What an answer says, whatever the order of its fields and the form of its times."""
    if answer.status >= 400:
        return answer.status
    content = json.loads(answer.body)
    if work == "health":
        return answer.status, content["status"], content["database"]["reachable"]
    if answer.status == 201:
        content = {k: v for k, v in content.items() if k not in MADE_ANEW}
    return answer.status, _times(content), answer.link


def _times(content: Any) -> Any:
    if isinstance(content, list):
        return [_times(item) for item in content]
    if not isinstance(content, dict):
        return content
    return {
        key: datetime.fromisoformat(value) if key.endswith("_at") else value
        for key, value in content.items()
    }

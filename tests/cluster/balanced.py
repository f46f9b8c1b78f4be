"""A stack with a balancer in containers, and the visitors of its public address."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.cluster import Cluster

PROJECT = {
    "requirements.txt": "",
    "shop.py": """\
        import json, socket, time

        def application(environ, start_response):
            if environ["PATH_INFO"] == "/slow":
                time.sleep(8)
            said = {
                "host": socket.gethostname(),
                "client": environ.get("HTTP_X_FORWARDED_FOR"),
                "scheme": environ["wsgi.url_scheme"],
                "body": len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))),
            }
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(said).encode()]
        """,
}
# Asks again and again, each time on a new connection, by GET and by POST; prints what was not
# answered, with its time, who answered, and how long the longest answer took.
VISITOR = """
import collections, json, ssl, sys, threading, time, urllib.request
url, context = sys.argv[1], ssl._create_unverified_context()
failed, answers, ended, longest = [], collections.Counter(), threading.Event(), [0]

def ask(body):
    while not ended.is_set():
        began = time.time()
        try:
            with urllib.request.urlopen(url, data=body, timeout=60, context=context) as answer:
                answers[json.load(answer)["host"]] += 1
            longest[0] = max(longest[0], time.time() - began)
        except (OSError, ValueError) as error:
            failed.append([began, time.time(), repr(error)])
        time.sleep(0.1)

threads = [threading.Thread(target=ask, args=[body]) for body in (None, b"x", None, b"x")]
for each in threads: each.start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
for each in threads: each.join()
print(json.dumps({"failed": failed, "answers": answers, "longest_s": longest[0]}))
"""


def stack(project: Path, count: int, more: str = "") -> str:
    return f"""\
web.count = {count}
monitor.enabled = false
{more}
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
requires = []
"""


@dataclass
class Visit:
    """What visitors saw."""

    failed: list[list[Any]]
    """When each began, when it ended, and how."""
    answers: dict[str, int]
    """Host to the number of its answers."""
    longest_s: float = 0.0

    def __str__(self) -> str:
        """Its figures, for what the documentation says of them."""
        asked = sum(self.answers.values()) + len(self.failed)
        took = max((ended - began for began, ended, _ in self.failed), default=0.0)
        return (
            f"{asked} requests, {len(self.failed)} failed, after {took:.1f} s at most; "
            f"the longest answer took {self.longest_s:.1f} s"
        )


@contextmanager
def visitors(made: Cluster, scheme: str = "http") -> Iterator[Visit]:
    """Visitors of the public address; what they saw is there at the end."""
    visit = Visit([], {})
    url = f"{scheme}://{made.public_address}/"
    visitor = made.network.start(sys.executable, "-c", VISITOR, url, stdin=subprocess.PIPE)
    assert visitor.stdout
    assert visitor.stdout.readline() == "ready\n"
    yield visit
    said = json.loads(visitor.communicate("", timeout=300)[0])
    visit.failed, visit.answers = said["failed"], said["answers"]
    visit.longest_s = said["longest_s"]

"""What takes long passes HAProxy and Nginx: a WebSocket, server-sent events and an upload."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.balanced import stack
from tests.cluster.cluster import Cluster, cluster
from tests.cluster.container import Base
from tests.project.trees import write_dedented

LASTS_S = 80
"""Longer than any time-out of HAProxy's for a client or a server that is silent."""
PROJECT = {
    # Skytier brings Uvicorn, with what WebSockets need.
    "requirements.txt": "",
    "shop.py": """\
        import asyncio, json

        async def application(scope, receive, send):
            if scope["type"] == "lifespan":
                while (await receive())["type"] != "lifespan.shutdown":
                    await send({"type": "lifespan.startup.complete"})
                await send({"type": "lifespan.shutdown.complete"})
            elif scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
                while (said := await receive())["type"] == "websocket.receive":
                    await send({"type": "websocket.send", "text": said["text"].upper()})
            elif scope["path"] == "/events":
                await start(send, b"text/event-stream")
                ended = asyncio.ensure_future(receive_end(receive))
                number = 0
                while not ended.done():
                    number += 1
                    event = b"data: %d\\n\\n" % number
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                    await asyncio.wait([ended], timeout=5)
            else:
                size = 0
                while True:
                    part = await receive()
                    size += len(part.get("body", b""))
                    if not part.get("more_body"):
                        break
                await start(send, b"application/json")
                await send({"type": "http.response.body", "body": json.dumps(size).encode()})

        async def start(send, kind):
            headers = [(b"content-type", kind)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def receive_end(receive):
            while (await receive())["type"] != "http.disconnect":
                pass
        """,
}
# All three at a time, from a machine whose release has what a WebSocket needs.
VISITOR = """
import http.client, json, sys, threading, time
from websockets.sync.client import connect
address, lasts_s = sys.argv[1], int(sys.argv[2])
said = {}

def websocket():
    with connect(f"ws://{address}/socket") as opened:
        opened.send("before")
        said["websocket"] = [opened.recv()]
        time.sleep(lasts_s)
        opened.send("after")
        said["websocket"].append(opened.recv())

def events():
    asked = http.client.HTTPConnection(address, timeout=60)
    asked.request("GET", "/events")
    answer, began, seen = asked.getresponse(), time.monotonic(), []
    # The answer never ends: what is read came while it was under way.
    while time.monotonic() - began < lasts_s:
        seen += [line.decode() for line in [answer.readline().strip()] if line]
    said["events"] = seen
    asked.close()

def upload():
    parts = 10
    def body():
        for _ in range(parts):
            yield bytes(500_000)
            time.sleep(lasts_s / parts)
    asked = http.client.HTTPConnection(address, timeout=60)
    asked.request("POST", "/", body(), {"Content-Length": str(parts * 500_000)})
    said["upload"] = json.load(asked.getresponse())

threads = [threading.Thread(target=each) for each in (websocket, events, upload)]
for each in threads: each.start()
for each in threads: each.join()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, base: Base) -> Iterator[Cluster]:
    project = write_dedented(tmp_path_factory.mktemp("streams"), PROJECT)
    text = stack(project, 2).replace('"wsgi"', '"asgi"')
    with cluster(text, floats=True, base=base) as made:
        yield made


def test_a_websocket_events_and_an_upload_last_longer_than_any_time_out(made: Cluster) -> None:
    ask = f'/usr/local/sbin/skytier-app run python -c "$(cat)" {made.public_address} {LASTS_S}'
    said = json.loads(made.containers["shop-web-1"].run(ask, VISITOR.encode()))
    assert said["websocket"] == ["BEFORE", "AFTER"]
    assert said["upload"] == 5_000_000
    events = [f"data: {number}" for number in range(1, len(said["events"]) + 1)]
    assert said["events"] == events
    assert len(events) > 2

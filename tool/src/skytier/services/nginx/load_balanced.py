"""How a load balancer of the cloud comes to Nginx, and how long it takes to see a drained one.

It passes connections on as they are, TLS too, and says by the PROXY protocol whose they are.
"""

from collections.abc import Sequence

from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure

HTTP_PORT, HTTPS_PORT = 8082, 8443
"""Where the connections to port 80 and to port 443 come."""
ASKED_PORT = 8083
"""Where it asks whether a web server takes new requests: without the PROXY protocol."""
ASKS_EVERY_S, ANSWER_S, FAILURES = 4, 3, 2
"""How often it asks, how long an answer may take, and after how many bad ones nothing new comes."""
ANSWERS_WELL = "200-299"
"""What the answer of a web server that takes new requests is, as Octavia writes it."""
SEEN_S = ASKS_EVERY_S * FAILURES + 2
"""How long it takes until it has seen that a web server is drained."""


def ports(stack: StackFile) -> dict[int, int]:
    """The ports that visitors come to, and to which of a web server each leads."""
    return {80: HTTP_PORT, **({443: HTTPS_PORT} if stack.tls != "off" else {})}


def endpoints(stack: StackFile) -> Sequence[Endpoint]:
    """What the private network alone reaches: a load balancer has an address there, and no group
    of ours."""
    names = {HTTP_PORT: "passed-http", HTTPS_PORT: "passed-https", ASKED_PORT: "asked"}
    return [
        Endpoint(names[port], port, Exposure.NETWORKS, [stack.cidr])
        for port in (*ports(stack).values(), ASKED_PORT)
    ]

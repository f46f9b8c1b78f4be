"""Requests that a page of another site made a browser send."""

from starlette.types import Scope

from skytier_app.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

REFUSAL = Problem(403, "A page of another site sent this request.")


def is_from_another_site(scope: Scope) -> bool:
    """Whether a page of another site sent a request that changes something.

    Browsers send `Origin` or `Sec-Fetch-Site` or both; a request with neither is from another
    program, which no page can make send anything. A request with an API token is taken from
    anywhere: a browser adds none by itself.
    """
    if scope["method"] in SAFE_METHODS:
        return False
    origin = host = None
    site = b"none"
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value
        elif name == b"sec-fetch-site":
            site = value
        elif name == b"host":
            host = value
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            return False
    if site not in (b"none", b"same-origin"):
        return True
    # The scheme is left out: a proxy before this one may end TLS and not say so.
    return origin is not None and origin.partition(b"://")[2].lower() != (host or b"").lower()

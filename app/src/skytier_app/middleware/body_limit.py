"""Limits of a request body: at most 1 MiB, announced or not, and a time in which it arrives."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skytier_app.problems import Problem

LIMIT_BYTES = 1024 * 1024
BODY_S = 60
"""How long a body may take. Nginx passes on each part that it has, so this counts behind it too."""
SILENCE_S = 15
"""How long a body may pause."""
_DETAIL = "The body of the request is larger than 1 MiB."
_SLOW = "The body of the request did not arrive in time."


def is_too_large(announced: str) -> bool:
    """Whether a Content-Length is a number above LIMIT_BYTES."""
    if len(announced) < len(str(LIMIT_BYTES)) or not announced.isdecimal():
        return False
    # A number of thousands of digits, which int() refuses, is one too.
    digits = announced.lstrip("0")
    return len(digits) > len(str(LIMIT_BYTES)) or int(digits or "0") > LIMIT_BYTES


class BodyLimit:
    """Answers 413 as soon as a body is known to be too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if is_too_large(Headers(scope=scope).get("content-length", "")):
            await Problem(413, _DETAIL).response()(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > LIMIT_BYTES:
                    # FastAPI turns every other error of reading a body into a 400.
                    raise HTTPException(413, _DETAIL)
            return message

        await self._app(scope, limited, send)


def in_time(receive: Receive) -> Receive:
    """`receive` until the body is whole: HTTPException 408 when that takes too long.

    It sets no timer, since nearly all bodies are there at once: for one that is not, the connection
    gives an empty part each second (`limits.LOOK_S`).
    """
    now = asyncio.get_running_loop().time
    began = last = now()

    async def received() -> Message:
        nonlocal last
        message = await receive()
        if message.get("more_body"):
            if message.get("body"):
                last = now()
            if now() > min(began + BODY_S, last + SILENCE_S):
                # What is left of the body would be taken for the next request.
                raise HTTPException(408, _SLOW, headers={"Connection": "close"})
        return message

    return received

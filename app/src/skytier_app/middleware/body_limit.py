"""Request bodies of 1 MiB at the most, also when their length is not announced."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skytier_app.problems import Problem

LIMIT_BYTES = 1024 * 1024
_DETAIL = "The body of the request is larger than 1 MiB."


def is_too_large(announced: str) -> bool:
    """Whether a Content-Length is a number above LIMIT_BYTES."""
    if not announced.isdecimal():
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

"""The client of a request, as it is stored with sessions and in the security log."""

from dataclasses import dataclass

from fastapi import Request

_LONGEST_ADDRESS, _LONGEST_USER_AGENT = 45, 200


@dataclass(frozen=True)
class Client:
    """Where a request comes from; None where that is not known."""

    address: str | None
    user_agent: str | None
    """What the client calls itself, on one line."""

    @classmethod
    def of(cls, request: Request) -> "Client":
        """That of a request."""
        address = request.client.host if request.client else ""
        user_agent = request.headers.get("user-agent", "")
        return cls(_line(address, _LONGEST_ADDRESS), _line(user_agent, _LONGEST_USER_AGENT))


NO_CLIENT = Client(None, None)


def _line(text: str, most: int) -> str | None:
    return "".join(character for character in text if character.isprintable())[:most] or None

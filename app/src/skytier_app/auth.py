"""Who makes a request: the session's cookie or an API token says it."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from skytier_app.accounts import Account
from skytier_app.middleware.cross_site import SAFE_METHODS
from skytier_app.problems import Problem
from skytier_app.services import ServicesDep

COOKIE = "skytier_session"
TLS_COOKIE = "__Host-skytier_session"
"""The cookie behind TLS: neither plain HTTP nor another host of the domain can set this name."""

_WWW_AUTHENTICATE = {"WWW-Authenticate": "Bearer"}


def session_tokens(request: Request) -> list[str]:
    """The session tokens in a request; the first one counts."""
    # COOKIE also behind TLS: releases before schema 0003 set no other, and their sessions stay
    # valid.
    names = (TLS_COOKIE, COOKIE) if request.scope["scheme"] == "https" else (COOKIE,)
    cookies = request.cookies
    return [cookies[name] for name in names if name in cookies]


async def viewer(request: Request, services: ServicesDep) -> Account | None:
    """The request's account, or None for a stranger.

    Problem 401 for a wrong API token, 403 for one that may only read when the request changes
    something. Other schemes of `Authorization` are ignored: they are for a proxy.
    """
    if (token := _api_token(request)) is not None:
        return await _holder(request, services, token)
    if not (tokens := session_tokens(request)):
        return None
    return await services.sessions.account(tokens[0])


async def _holder(request: Request, services: ServicesDep, token: str) -> Account:
    found = await services.tokens.find(token)
    if found is None:
        raise Problem(401, "The API token is not valid.", headers=_WWW_AUTHENTICATE)
    if not found.may_write and request.method not in SAFE_METHODS:
        headers = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="write"'}
        raise Problem(403, "This API token may only read.", headers=headers)
    return found.account


async def may_write(request: Request, services: ServicesDep) -> None:
    """For what needs no account: an API token that is shown all the same has to be one that may.

    Problem 401 for a wrong one, 403 for one that may only read.
    """
    if (token := _api_token(request)) is not None:
        await _holder(request, services, token)


def shown_token(request: Request) -> str:
    """The session's or API token of a request that is signed in."""
    token = _api_token(request)
    return session_tokens(request)[0] if token is None else token


def _api_token(request: Request) -> str | None:
    """The API token that a request shows, which may be empty; None where it shows none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


Viewer = Annotated[Account | None, Depends(viewer)]


async def _signed_in(account: Viewer) -> Account:
    if account is None:
        raise Problem(401, "Sign in first, or send an API token.", headers=_WWW_AUTHENTICATE)
    return account


SignedIn = Annotated[Account, Depends(_signed_in)]

# For OpenAPI: either of the two will do. What they say is checked in `viewer`.
SECURITY = [
    Depends(HTTPBearer(auto_error=False, description="An API token, from `POST /api/tokens`.")),
    Depends(
        APIKeyCookie(
            name=COOKIE,
            auto_error=False,
            description=f"From `POST /api/sessions`. Behind TLS its name is `{TLS_COOKIE}`.",
        )
    ),
]

"""Who makes a request: by the session's cookie, or by an API token."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from skytier_app.accounts import Account
from skytier_app.problems import Problem
from skytier_app.services import ServicesDep

COOKIE = "skytier_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WWW_AUTHENTICATE = {"WWW-Authenticate": "Bearer"}


async def viewer(request: Request, services: ServicesDep) -> Account | None:
    """The request's account, or None for a stranger.

    Problem 401 for a wrong API token, 403 for a cookie sent along from a page of another site.
    """
    if (header := request.headers.get("authorization")) is not None:
        scheme, _, token = header.partition(" ")
        known = scheme.lower() == "bearer"
        account = await services.tokens.account(token.strip()) if known else None
        if account is None:
            raise Problem(401, "The API token is not valid.", headers=_WWW_AUTHENTICATE)
        return account
    if (session := request.cookies.get(COOKIE)) is None:
        return None
    _refuse_other_sites(request)
    return await services.sessions.account(session)


def shown_token(request: Request) -> str:
    """The session's or API token by which a request of somebody signed in says who they are."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.cookies[COOKIE]


Viewer = Annotated[Account | None, Depends(viewer)]


async def _signed_in(account: Viewer) -> Account:
    if account is None:
        raise Problem(401, "Sign in first, or send an API token.", headers=_WWW_AUTHENTICATE)
    return account


SignedIn = Annotated[Account, Depends(_signed_in)]

# For OpenAPI: either of the two will do. What they say is checked in `viewer`.
SECURITY = [
    Depends(HTTPBearer(auto_error=False, description="An API token, from `POST /api/tokens`.")),
    Depends(APIKeyCookie(name=COOKIE, auto_error=False, description="From `POST /api/sessions`.")),
]


def _refuse_other_sites(request: Request) -> None:
    # SameSite=Lax keeps the cookie from foreign forms; this covers sibling sites as well. Browsers
    # send at least one of the two headers, and other programs are led astray by nobody.
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    host = request.headers.get("host")
    foreign = origin is not None and origin.partition("://")[2] != host
    if foreign or site not in ("same-origin", "none"):
        raise Problem(403, "A page of another site sent this request with your session.")

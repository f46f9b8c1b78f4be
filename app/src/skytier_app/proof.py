"""Checks the password of an account: to sign in, and to confirm a change."""

from collections.abc import Sequence

from fastapi import Request

from skytier_app.accounts import Account
from skytier_app.clients import Client
from skytier_app.passwords import verify_password
from skytier_app.problems import Problem
from skytier_app.rate_limit import check_limit, count, limit, of_account, of_address, take_back
from skytier_app.security_log.events import Kind, record
from skytier_app.services import Services
from skytier_app.users import queries

WRONG, RIGHT = "wrong-password", "right-password"


async def knows_password(
    request: Request, services: Services, user_id: int | None, password_hash: str | None, given: str
) -> bool:
    """Whether the given password has this hash. Without a hash the check takes as long.

    Problem 429 when the address sent too many wrong passwords, or when the address or the account
    sent too many right ones.
    """
    address = of_address(request)
    account = f"{address}, nobody" if user_id is None else of_account(user_id)
    return await _is_right(services, address, account, [address], password_hash, given)


async def confirm(request: Request, services: Services, account: Account, given: str | None) -> str:
    """The stored hash of the password by which the user confirmed a change.

    The code that stores the change compares this hash again (`lock_user`): the password may have
    been changed meanwhile. Problem 403 for a wrong password or none, 429 for too many.
    """
    held = await queries.get_password_hash(services.database, account.id)
    if given is not None:
        address, whose = of_address(request), of_account(account.id)
        if await _is_right(services, address, whose, [address, whose], held, given):
            assert held is not None  # noqa: S101  # no password is right without one
            return held
        await record(services.database, account.id, Kind.PASSWORD_REFUSED, Client.of(request))
    raise wrong_password()


async def _is_right(
    services: Services,
    address: str,
    account: str,
    guessing: Sequence[str],
    password_hash: str | None,
    given: str,
) -> bool:
    """Whether the password is right, within the limits. `guessing` is who wrong ones count for."""
    settings, hits = services.settings, services.hits
    most = settings.passwords_per_minute
    # Right ones count only once they are known to be right: a stranger's attempts must not use up
    # the user's own limit, also while they are being checked. Many right ones at once may
    # therefore pass a little above it.
    await check_limit(hits, RIGHT, address, most * settings.accounts_per_address)
    await check_limit(hits, RIGHT, account, most)
    # Wrong ones count before the check, so that many at once do not all find the count low.
    for whose in guessing:
        await limit(hits, WRONG, whose, settings.failed_sign_ins_per_minute)
    if not await verify_password(password_hash, given):
        return False
    for whose in guessing:
        await take_back(hits, WRONG, whose)
    await count(hits, RIGHT, address)
    await count(hits, RIGHT, account)
    return True


def wrong_password() -> Problem:
    """Problem 403 that names the field."""
    detail = "This needs the current password, and this is not it."
    error = {"field": "body.current_password", "detail": detail}
    return Problem(403, detail, errors=[error])

"""Checks the password of an account: to sign in, and to confirm a change."""

from fastapi import Request

from skytier_app.accounts import Account
from skytier_app.clients import Client
from skytier_app.passwords import verify_password
from skytier_app.problems import Problem
from skytier_app.rate_limit import limit, of_account, of_address, take_back
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
    settings, hits = services.settings, services.hits
    address = of_address(request)
    account = f"{address}, nobody" if user_id is None else of_account(user_id)
    await limit(hits, WRONG, address, settings.failed_sign_ins_per_minute)
    # Counted before the check, which is the work, and taken back if the password is wrong: a
    # stranger's wrong passwords must not use up the user's own limit.
    most = settings.passwords_per_minute
    try:
        await limit(hits, RIGHT, address, most * settings.accounts_per_address)
        await limit(hits, RIGHT, account, most)
    except Problem:
        await take_back(hits, WRONG, address)
        raise
    if await verify_password(password_hash, given):
        await take_back(hits, WRONG, address)
        return True
    await take_back(hits, RIGHT, address)
    await take_back(hits, RIGHT, account)
    return False


async def confirm(request: Request, services: Services, account: Account, given: str | None) -> str:
    """The stored hash of the password by which the user confirmed a change.

    The code that stores the change compares this hash again (`lock_user`): the password may have
    been changed meanwhile. Problem 403 for a wrong password or none, 429 for too many.
    """
    held = await queries.get_password_hash(services.database, account.id)
    if given is not None:
        most = services.settings.failed_sign_ins_per_minute
        whose = of_account(account.id)
        await limit(services.hits, WRONG, whose, most)
        if await knows_password(request, services, account.id, held, given):
            await take_back(services.hits, WRONG, whose)
            assert held is not None  # noqa: S101  # no password is right without one
            return held
        await record(services.database, account.id, Kind.PASSWORD_REFUSED, Client.of(request))
    raise wrong_password()


def wrong_password() -> Problem:
    """Problem 403 that names the field."""
    detail = "This needs the current password, and this is not it."
    error = {"field": "body.current_password", "detail": detail}
    return Problem(403, detail, errors=[error])

"""Addresses below `/api/users/{user_id}` that are open to this user alone."""

from typing import Annotated

from fastapi import Depends

from skytier_app.accounts import Account
from skytier_app.auth import SignedIn
from skytier_app.database import Database
from skytier_app.problems import Problem
from skytier_app.services import DatabaseDep
from skytier_app.users import queries
from skytier_app.whole_number import PathId


def no_such_user(user_id: int) -> Problem:
    """Problem 404."""
    return Problem(404, f"There is no user {user_id}.")


async def not_oneself(database: Database, user_id: int) -> Problem:
    """Problem 403 for a user who is another, 404 for one who is not there."""
    if await queries.get_user(database, user_id) is None:
        return no_such_user(user_id)
    return Problem(403, "An account is open to its own user only.")


async def _oneself(database: DatabaseDep, user_id: PathId, account: SignedIn) -> Account:
    if account.id != user_id:
        raise await not_oneself(database, user_id)
    return account


Oneself = Annotated[Account, Depends(_oneself)]
"""The account of the request, which is the one that the path names."""

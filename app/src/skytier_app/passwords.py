"""Passwords as argon2id hashes."""

import asyncio
import unicodedata

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The parameters are argon2-cffi's own default: RFC 9106, low memory (64 MiB, 3 passes, 4 lanes).
_hasher = PasswordHasher()

# Each hash takes 64 MiB and a core: many who sign in wait here, and do not block the event loop.
_at_once = asyncio.Semaphore(2)


def password_forms(password: str) -> list[str]:
    """The texts that a stored hash of this password may be made from, without repetition.

    New hashes are made from the first (NFKC), where é is one letter, whether the keyboard sends it
    as one character or as two. The others are for hashes of older releases, which were made from
    what the keyboard sent. Such a hash is not replaced: after a rollback the older release must
    still accept the password. A password in ASCII has one form.
    """
    composed = unicodedata.normalize("NFC", password)
    decomposed = unicodedata.normalize("NFD", password)
    normalised = unicodedata.normalize("NFKC", password)
    return [*dict.fromkeys((normalised, password, composed, decomposed))]


async def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its salt and parameters."""
    async with _at_once:
        return await anyio.to_thread.run_sync(_hasher.hash, password_forms(password)[0])


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password has this hash.

    Without a hash, because there is no such user, it takes as long: time does not tell which
    usernames exist.
    """

    def verify(form: str) -> bool:
        try:
            return _hasher.verify(password_hash or _of_nobody(), form) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False

    for form in password_forms(password):
        async with _at_once:
            if await anyio.to_thread.run_sync(verify, form):
                return True
    return False


def _of_nobody() -> str:
    """A hash of no password, which takes as long to verify as any other."""
    # Written down and not computed: that would delay the start of every worker.
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${'bm9ib2R5J3Mgc2FsdA'}${'A' * 43}"

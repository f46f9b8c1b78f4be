"""Passwords as argon2id hashes."""

import asyncio
import unicodedata

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The parameters are argon2-cffi's own default: RFC 9106, low memory (64 MiB, 3 passes, 4 lanes).
_hasher = PasswordHasher()
# As long to verify as any hash, and that of no password. Put together, since to compute one would
# hold up the start of every worker.
_NOBODY = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${'bm9ib2R5J3Mgc2FsdA'}${'A' * 43}"
)

# Each hash takes 64 MiB and a core: a crowd that signs in waits here, and not for the event loop.
_at_once = asyncio.Semaphore(2)


def password_forms(password: str) -> list[str]:
    """The texts that a stored hash of this password may have been made from, without repetition.

    The first is the one that new hashes are made from (NFKC): é is one letter, whether a keyboard
    sends one character or two. The others are for hashes that an older release made from what the
    keyboard sent. Such a hash is kept as it is: the older release must still understand it after
    a rollback. A password in ASCII has one form.
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

    Without a hash (nobody has that name) it takes as long, so that time tells no names.
    """

    def verify(form: str) -> bool:
        try:
            return _hasher.verify(password_hash or _NOBODY, form) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False

    for form in password_forms(password):
        async with _at_once:
            if await anyio.to_thread.run_sync(verify, form):
                return True
    return False

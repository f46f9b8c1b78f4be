"""Passwords as argon2id hashes."""

import asyncio

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


async def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its salt and parameters."""
    async with _at_once:
        return await anyio.to_thread.run_sync(_hasher.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password has this hash.

    Without a hash (nobody has that name) it takes as long, so that time tells no names.
    """

    def verify() -> bool:
        try:
            return _hasher.verify(password_hash or _NOBODY, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False

    async with _at_once:
        return await anyio.to_thread.run_sync(verify)

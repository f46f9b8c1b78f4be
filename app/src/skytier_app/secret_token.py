"""Random tokens that are handed out once and kept only as a hash."""

import hashlib
import secrets


def new_token(prefix: str = "") -> str:
    """A URL-safe token with 256 bits of randomness."""
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token: SHA-256, 32 bytes.

    A slow hash is for secrets that people choose; nobody guesses 256 random bits.
    """
    return hashlib.sha256(token.encode()).digest()

"""Random tokens that are handed out once and kept only as a hash."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode


def new_token(prefix: str = "") -> str:
    """A URL-safe token with 256 bits of randomness."""
    return prefix + secrets.token_urlsafe(32)


def derived_token(credential: str, salt: bytes, prefix: str = "") -> str:
    """The token that belongs to a salt, for who shows this credential.

    The credential is a token itself, which is stored as a hash only: by the salt, which is stored,
    nobody else finds the derived token. The salt is random, and used for one token.
    """
    secret = hmac.digest(credential.encode(), b"skytier derived token " + salt, "sha256")
    return prefix + urlsafe_b64encode(secret).decode().rstrip("=")


def token_hash(token: str) -> bytes:
    """What is stored of a token: SHA-256, 32 bytes.

    A slow hash is for secrets that people choose; nobody guesses 256 random bits.
    """
    return hashlib.sha256(token.encode()).digest()

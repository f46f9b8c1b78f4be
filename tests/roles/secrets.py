"""Secrets as the tool makes them: a password, and certificates for addresses."""

import secrets

from skytier.secrets.certificate import self_signed


def make(*, database: str, web: list[str]) -> dict[str, str]:
    """Name to text, with certificates for what the two machines are called by."""
    database_key, database_certificate = self_signed([database])
    web_key, web_certificate = self_signed(web)
    return {
        # Longer and stranger than the tool's own, so that whatever has to be escaped is in it.
        "database_password": secrets.token_urlsafe(24) + "'\\ %@:/?ü$\"",
        "database_tls_key": database_key,
        "database_tls_certificate": database_certificate,
        "web_tls_key": web_key,
        "web_tls_certificate": web_certificate,
    }

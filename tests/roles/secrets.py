"""Secrets as the tool makes them: a password, and certificates for addresses."""

import secrets
import subprocess
from pathlib import Path


def make(directory: Path, *, database: str, web: str) -> dict[str, str]:
    """Name to text, with certificates for the addresses of the two machines."""
    database_key, database_certificate = certificate(directory / "database", database)
    web_key, web_certificate = certificate(directory / "web", web)
    return {
        # Longer and stranger than the tool's own, so that whatever has to be escaped is in it.
        "database_password": secrets.token_urlsafe(24) + "'\\ %@:/?ü$\"",
        "database_tls_key": database_key,
        "database_tls_certificate": database_certificate,
        "web_tls_key": web_key,
        "web_tls_certificate": web_certificate,
    }


def certificate(stem: Path, address: str) -> tuple[str, str]:
    """Key and self-signed certificate for an IP address, both PEM."""
    key, crt = stem.with_suffix(".key"), stem.with_suffix(".crt")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "3650", "-subj", f"/CN={address}", "-keyout", key, "-out", crt),
            *("-addext", f"subjectAltName=IP:{address}"),
        ],
        check=True,
        capture_output=True,
    )
    return key.read_text(), crt.read_text()

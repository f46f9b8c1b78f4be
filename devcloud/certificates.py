"""Certificates that are their own authority, made by openssl."""

import re

from devcloud import command
from devcloud.errors import DevcloudError


def make(name: str, alternative: str = "") -> tuple[str, str]:
    """A certificate for ten years and its key, as PEM.

    `name` is its common name, `alternative` a subjectAltName such as DNS:example.org.
    Raises DevcloudError when openssl makes none.
    """
    options = ["-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    options += ["-days", "3650", "-subj", f"/CN={name}"]
    options += ["-addext", f"subjectAltName={alternative}"] if alternative else []
    said = command.run(["openssl", "req", *options, "-keyout", "-", "-out", "-"])
    key, certificate = (
        re.search(f"-----BEGIN {what}-----.+-----END {what}-----\n", said, re.DOTALL)
        for what in ("PRIVATE KEY", "CERTIFICATE")
    )
    if not key or not certificate:
        raise DevcloudError(f"openssl made no certificate for {name}.")
    return certificate[0], key[0]

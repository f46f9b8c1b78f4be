"""Certificates, made by openssl."""

import re
import tempfile
from pathlib import Path

from devcloud import command
from devcloud.errors import DevcloudError

NEW = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
NEW += ["-keyout", "-", "-out", "-"]
DAYS = ["-days", "3650"]


def make(name: str, alternative: str = "") -> tuple[str, str]:
    """A certificate for ten years that is its own authority, and its key, as PEM.

    `name` is its common name, `alternative` a subjectAltName such as DNS:example.org.
    Raises DevcloudError when openssl makes none.
    """
    options = ["-addext", f"subjectAltName={alternative}"] if alternative else []
    said = command.run(["openssl", "req", "-x509", *NEW, *DAYS, "-subj", f"/CN={name}", *options])
    return _part("CERTIFICATE", said, name), _part("PRIVATE KEY", said, name)


def make_of_client(name: str, authority: Path, authority_key: Path) -> str:
    """A client's certificate by an authority, for ten years, with its key after it, as PEM."""
    said = command.run(["openssl", "req", *NEW, "-subj", f"/CN={name}"])
    key = _part("PRIVATE KEY", said, name)
    with tempfile.TemporaryDirectory() as directory:
        extensions = Path(directory) / "extensions"
        extensions.write_text("basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n")
        signing: list[str | Path] = ["-CA", authority, "-CAkey", authority_key, "-set_serial", "1"]
        signing += ["-extfile", extensions, *DAYS]
        request = _part("CERTIFICATE REQUEST", said, name)
        said = command.run(["openssl", "x509", "-req", *signing], text=request)
    return _part("CERTIFICATE", said, name) + key


def _part(what: str, said: str, name: str) -> str:
    found = re.search(f"-----BEGIN {what}-----.+-----END {what}-----\n", said, re.DOTALL)
    if not found:
        raise DevcloudError(f"openssl made no certificate for {name}.")
    return found[0]

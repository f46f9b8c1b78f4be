"""Headers that keep an answer from being used for what it is not."""

RawHeaders = list[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""

DEFAULTS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    # For JSON. A page states its own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]

HSTS = (b"strict-transport-security", b"max-age=31536000")
"""Browsers that came by TLS once come by TLS for a year."""


def add_security_headers(headers: RawHeaders, scheme: str) -> None:
    """Add those of DEFAULTS that an answer has not set itself, and HSTS to one by `https`."""
    given = {name for name, _ in headers}
    headers += [header for header in DEFAULTS if header[0] not in given]
    if scheme == "https" and HSTS[0] not in given:
        headers.append(HSTS)

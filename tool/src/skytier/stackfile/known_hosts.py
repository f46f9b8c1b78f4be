"""The keys by which a host of SSH is known, from a file in the form of known_hosts."""

import base64

_TYPES = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    "ssh-rsa",
)
SSH = 22


def entry(host: str, port: int) -> str:
    """How known_hosts calls a host.

    >>> entry("backup.example.org", 22), entry("backup.example.org", 23)
    ('backup.example.org', '[backup.example.org]:23')
    """
    return host if port == SSH else f"[{host}]:{port}"


def keys_of(host: str, port: int, text: str) -> str:
    """The lines of a text that are about a host, each as `NAME TYPE KEY`; empty where none is.

    What `ssh-keyscan` and `ssh` write is read. Lines with a hashed name, a marker (`@revoked`) or
    another type of key are left out, and so are comments.
    """
    wanted, found = entry(host, port), []
    for line in text.splitlines():
        names, *rest = line.split() or [""]
        if wanted in names.lower().split(",") and len(rest) >= 2 and _is_key(*rest[:2]):
            found.append(f"{wanted} {rest[0]} {rest[1]}\n")
    return "".join(dict.fromkeys(found))


def _is_key(kind: str, key: str) -> bool:
    """Whether a key is of the type that its line says."""
    if kind not in _TYPES:
        return False
    try:
        content = base64.b64decode(key, validate=True)
    except ValueError:  # one beyond ASCII, or no base64
        return False
    # It begins with the length of its type's name in four bytes, and that name (RFC 4253, 6.6).
    return content.startswith(len(kind).to_bytes(4, "big") + kind.encode())

"""A certificate authority of a test: Pebble, in a container."""

import json

from skytier.secrets.certificate import self_signed
from tests.cluster.container import Container


def keys(domain: str, address: str) -> str:
    """The lines of a stack file whose certificate it gives."""
    return (
        f'tls = "acme"\ndomain = "{domain}"\nemail = "admin@example.org"\n'
        f'acme_server = "https://{address}:14000/dir"'
    )


def install(machine: Container, address: str) -> str:
    """Prepare it for `https://ADDRESS:14000/dir`. Returns the certificate that clients trust."""
    key, certificate = self_signed([address])
    names = {"listenAddress": f"{address}:14000", "managementListenAddress": "127.0.0.1:15000"}
    files = {"certificate": "/etc/pebble/crt", "privateKey": "/etc/pebble/key"}
    settings = {**names, **files, "httpPort": 80, "tlsPort": 443}
    machine.put("/etc/pebble/config.json", json.dumps({"pebble": settings}), 0o644)
    machine.put("/etc/pebble/crt", certificate, 0o644)
    machine.put("/etc/pebble/key", key, 0o600)
    return certificate


def trust(machine: Container, certificate: str) -> None:
    """Have a machine trust it."""
    machine.put("/usr/local/share/ca-certificates/authority.crt", certificate, 0o644)
    machine.run("update-ca-certificates")


def start(machine: Container, address: str) -> None:
    """Start it, and wait until it answers."""
    # It refuses one good nonce of twenty by default; certbot takes two in a row for a failure.
    settings = "--setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0"
    machine.run(f"systemd-run --unit=pebble {settings} pebble -config /etc/pebble/config.json")
    machine.wait_for(f"exec 3<>/dev/tcp/{address}/14000")
